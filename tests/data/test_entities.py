"""Texts with lists of places become words and tags; what does not fit is mended with row numbers, or refused with all rows at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leantune.core import catalogue
from leantune.core.errors import DataError
from leantune.data.columns import Columns
from leantune.data.dataset import Dataset, prepare
from leantune.data.unlabelled import read_labelled, read_rows

GOOD = [{"text": f"Mia Li sings in Rome. {i}", "entities": [[0, 6, "PER"], [16, 20, "LOC"]]} for i in range(30)]


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def opened(tmp_path: Path, *rows: dict[str, Any]) -> Dataset:
    return prepare(write(tmp_path / "a.jsonl", *rows, *GOOD), tmp_path / "out")


def tags_of(dataset: Dataset, row: int) -> list[str]:
    for examples in dataset.splits.values():
        for number, tags in zip(examples.rows, examples.gold, strict=True):
            if number == row:
                return [dataset.labels[tag] for tag in tags]
    raise AssertionError(row)


def notes(dataset: Dataset) -> str:
    return "\n".join(map(str, dataset.manifest.inferences))


@pytest.mark.parametrize(
    "place",
    [
        [4, 13, "LOC"],
        {"start": 4, "end": 13, "label": "LOC"},
        {"start_offset": 4, "end_offset": 13, "label": "LOC", "id": 3},
        {"start": 4, "end": 13, "entity_group": "LOC", "word": "x"},
    ],
)
def test_places_of_several_kinds_become_tags_of_words(tmp_path: Path, place: Any) -> None:
    dataset = opened(tmp_path, {"text": "See St. Gallen!", "entities": [place]})
    assert dataset.task == "tagging"
    assert tags_of(dataset, 1) == ["O", "B-LOC", "I-LOC", "I-LOC", "O"]
    assert 'layout: texts with places (a.jsonl: "tokens" are the words of "text"' in notes(dataset)


def test_doccanos_label_column_and_chinese_by_characters(tmp_path: Path) -> None:
    rows = [{"text": f"我爱北京 {i}", "label": [[2, 4, "LOC"]]} for i in range(30)]
    dataset = prepare(write(tmp_path / "a.jsonl", *rows), tmp_path / "out")
    assert tags_of(dataset, 1) == ["O", "O", "B-LOC", "I-LOC", "O"]


@pytest.mark.parametrize(
    ("entities", "tags", "says"),
    [
        ([[0, 6, "PER"], [4, 6, "LOC"]], ["B-PER", "I-PER", "O"], "places left out: a.jsonl row 1 (1 place in 1 row; a word has one tag"),
        ([[1, 6, "PER"]], ["B-PER", "I-PER", "O"], "places inside of words: a.jsonl row 1 (1 place in 1 row; the whole words are taken)"),
        (
            [{"start": 0, "end": 2, "label": "PER", "text": "Li"}],
            ["O", "B-PER", "O"],
            "places moved: a.jsonl row 1 (1 place in 1 row; another",
        ),
        ([], ["O", "O", "O"], "layout"),
    ],
)
def test_what_does_not_fit_is_mended_and_told(tmp_path: Path, entities: Any, tags: list[str], says: str) -> None:
    dataset = opened(tmp_path, {"text": "Mia Li sings", "entities": entities})
    assert tags_of(dataset, 1) == tags
    assert says in notes(dataset)


def test_what_cannot_be_mended_is_told_of_all_rows_at_once(tmp_path: Path) -> None:
    bad: list[Any] = [
        [[0, 60, "PER"]],
        [[3, 1, "PER"]],
        [[3, 4, "PER"]],
        [[0, 3, " "]],
        "PER",
        [{"start": 0, "end": 3, "label": "X", "text": "Bo"}],
    ]
    with pytest.raises(DataError) as caught:
        prepare(write(tmp_path / "a.jsonl", *GOOD, *({"text": "Mia Li", "entities": one} for one in bad)), tmp_path / "out")
    assert caught.value.code == "E-LABEL"
    for says in (
        "6 problems",
        'row 31, column "entities": "PER" from 0 to 60 is no place in a text of 6 characters',
        "row 32",
        'row 33, column "entities": "PER" from 3 to 4: no word stands there',
        "row 34",
        'row 35, column "entities": PER is no list of places',
        'row 36, column "entities": "X" at 0: "Bo" does not occur in the text',
    ):
        assert says in str(caught.value)


def test_files_with_an_answer_of_their_own_stay_what_they_are(tmp_path: Path) -> None:
    rows = [{**row, "intent": ("a", "b")[i % 2]} for i, row in enumerate(GOOD)]
    assert prepare(write(tmp_path / "a.jsonl", *rows), tmp_path / "out").task == "classification"


@pytest.mark.parametrize("named", [{"task": "tagging"}, {"label": "entities"}, {"text": "text", "label": "entities"}])
def test_places_win_over_another_label_where_they_are_asked_for(tmp_path: Path, named: dict[str, str]) -> None:
    rows = [{**row, "intent": ["play", "book"][at % 2]} for at, row in enumerate(GOOD)]
    path = write(tmp_path / "a.jsonl", *rows)
    assert prepare(path, tmp_path / "plain").task == "classification"
    dataset = prepare(path, tmp_path / "out", **named)
    assert dataset.task == "tagging"
    assert tags_of(dataset, 1)[:2] == ["B-PER", "I-PER"]
    gold = catalogue.load("data.golds", "tags")
    examples, _ = read_labelled(path, tmp_path, dataset.columns, dataset.labels, gold)
    assert [dataset.labels[tag] for tag in examples.gold[0]][:2] == ["B-PER", "I-PER"]


def test_columns_of_any_name_hold_places_where_they_are_named(tmp_path: Path) -> None:
    rows = [{"body": row["text"], "gold spans": row["entities"], "tags": "x"} for row in GOOD]
    dataset = prepare(write(tmp_path / "a.jsonl", *rows), tmp_path / "out", text="body", label="gold spans")
    assert tags_of(dataset, 1)[:2] == ["B-PER", "I-PER"]


def test_a_finished_model_reads_texts_with_places_and_plain_texts(tmp_path: Path) -> None:
    columns = Columns(text="tokens", label="tags")
    file = write(tmp_path / "b.jsonl", *GOOD)
    labels = ["B-LOC", "B-PER", "I-PER", "O"]
    examples, _ = read_labelled(file, tmp_path, columns, labels, catalogue.load("data.golds", "tags"))
    assert [labels[tag] for tag in examples.gold[0]] == ["B-PER", "I-PER", "O", "O", "B-LOC", "O", "O"]
    rows = read_rows(write(tmp_path / "c.jsonl", {"id": 7, "text": "Bo sings."}), tmp_path, columns, "words")
    assert next(rows.chunks()).words == [["Bo", "sings", "."]]
    assert rows.table.columns == ("id", "text", "tokens")
