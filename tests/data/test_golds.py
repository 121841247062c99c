"""Every kind of answers through `prepare`: the task is inferred with its reason, gold is stored right, what is wrong is told at once."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.dataset import Dataset, prepare

ROWS = 60
Row = dict[str, Any]

LABEL_SETS = (["price"], [], ["delay", "price"], ["staff", "delay"])
SENTENCES = (["Karl", "Ove", "sings"], ["He", "was", "in", "New York"], ["never"])
TAGS = (["B-PER", "I-PER", "O"], ["O", "O", "O", "B-LOC"], ["O"])


def text(row: int) -> str:
    return f"some words and number {row}"


def numbers(row: int) -> float:
    return row / 4


KINDS: dict[str, Callable[[int], Row]] = {
    "regression": lambda row: {"text": text(row), "score": numbers(row)},
    "multilabel": lambda row: {"text": text(row), "label": LABEL_SETS[row % 4]},
    "tagging": lambda row: {"tokens": [*SENTENCES[row % 3], f"w{row}"], "tags": [*TAGS[row % 3], "O"]},
    "ordinal": lambda row: {"text": text(row), "stars": f"{(2, 10, 9)[row % 3]} stars"},
    "classification": lambda row: {"text": text(row), "label": ("ham", "spam")[row % 2]},
}


def rows_of(kind: str, number: int = ROWS, start: int = 0) -> list[Row]:
    return [KINDS[kind](row) for row in range(start, start + number)]


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A JSON Lines file; in a CSV file lists are written as JSON."""
    with path.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()} for row in rows)
    return path


def prepared(folder: Path, kind: str, ending: str = "jsonl", **options: Any) -> Dataset:
    return prepare(write(folder / f"a.{ending}", rows_of(kind)), folder / ending, **options)


def named_gold(dataset: Dataset) -> dict[int, Any]:
    """Gold of each row of the file, by its number, as people read it."""
    found = {}
    for examples in dataset.splits.values():
        for row, gold in zip(examples.rows.tolist(), examples.gold, strict=True):
            if dataset.manifest.gold == "number":
                found[row] = float(gold)
            elif dataset.manifest.gold in ("labels", "tags"):
                found[row] = [dataset.labels[place] for place in gold]
            else:
                found[row] = dataset.labels[gold]
    return found


def failure(source: Path, out: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        prepare(source, out, **options)
    return caught.value


INFERRED = {
    "regression": 'task: regression ("score" holds 60 distinct values in 60 rows, numbers with fractions; override with --task TASK)',
    "multilabel": 'task: multilabel ("label" holds a list in every row; override with --task TASK)',
    "tagging": 'task: tagging ("tags" holds a list beside each list of words; override with --task TASK)',
    "classification": "task: classification (the label column holds 2 different texts; override with --task TASK)",
}


@pytest.mark.parametrize("kind", INFERRED)
def test_the_task_is_inferred_and_says_why(kind: str, tmp_path: Path) -> None:
    dataset = prepared(tmp_path, kind)
    assert dataset.task == kind
    assert [str(note) for note in dataset.inferences if note.what == "task"] == [INFERRED[kind]]


@pytest.mark.parametrize("kind", ["ordinal", "multilabel", "tagging"])
def test_a_named_task_is_not_inferred(kind: str, tmp_path: Path) -> None:
    dataset = prepared(tmp_path, kind, "csv", task=kind, label={"ordinal": "stars"}.get(kind))
    assert [str(note) for note in dataset.inferences if note.what == "task"] == [f"task: {kind} (as you asked; override with --task TASK)"]


@pytest.mark.parametrize("kind", ["regression", "multilabel", "tagging"])
def test_gold_is_stored_as_it_is_in_the_file(kind: str, tmp_path: Path) -> None:
    dataset, rows = prepared(tmp_path, kind), rows_of(kind)
    column = str(dataset.columns.label)
    expected = {place: sorted(row[column]) if kind == "multilabel" else row[column] for place, row in enumerate(rows, 1)}
    assert named_gold(dataset) == expected
    assert sum(dataset.manifest.sizes.values()) == ROWS


def test_names_of_the_answers(tmp_path: Path) -> None:
    labels = {"multilabel": ["delay", "price", "staff"], "tagging": ["B-LOC", "B-PER", "I-PER", "O"], "regression": ["score"]}
    for kind, expected in labels.items():
        (tmp_path / kind).mkdir()
        assert prepared(tmp_path / kind, kind).labels == expected


def test_levels_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, "ordinal", label="stars", task="ordinal")
    assert dataset.labels == ["2 stars", "9 stars", "10 stars"]
    notes = [str(note) for note in dataset.inferences]
    assert "order of the levels: 2 stars < 9 stars < 10 stars (by the number in each)" in notes
    assert named_gold(dataset) == {place: row["stars"] for place, row in enumerate(rows_of("ordinal"), 1)}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (["1", "10", "2"], ["1", "2", "10"]),
        (["-1", "-2", "+0,5"], ["-2", "-1", "+0,5"]),
        (["grade-2", "grade-10", "grade-1"], ["grade-1", "grade-2", "grade-10"]),
    ],
)
def test_the_number_in_a_level_says_its_place(levels: list[str], expected: list[str], tmp_path: Path) -> None:
    rows = [{"text": text(row), "label": levels[row % 3]} for row in range(ROWS)]
    assert prepare(rows, tmp_path, task="ordinal").labels == expected


def test_words_stay_words(tmp_path: Path) -> None:
    """Also one with a space inside; the text is for people and for the search for doubles."""
    train = prepared(tmp_path, "tagging").splits["train"]
    expected = {place: row["tokens"] for place, row in enumerate(rows_of("tagging"), 1)}
    assert train.words is not None
    assert dict(zip(train.rows.tolist(), train.words, strict=True)) == {row: expected[row] for row in train.rows.tolist()}
    assert list(train.texts) == [" ".join(words) for words in train.words]


def test_only_tagged_rows_have_words(tmp_path: Path) -> None:
    assert prepared(tmp_path, "multilabel").splits["train"].words is None


@pytest.mark.parametrize("kind", ["regression", "multilabel", "tagging", "ordinal"])
def test_the_same_rows_have_the_same_digest_from_every_format(kind: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"task": kind, "label": {"ordinal": "stars"}.get(kind)}
    first, second = (prepared(tmp_path, kind, ending, **options) for ending in ("csv", "jsonl"))
    assert first.digest == second.digest
    assert named_gold(first) == named_gold(second)


@pytest.mark.parametrize("kind", ["regression", "multilabel", "tagging", "ordinal"])
def test_another_answer_is_another_digest(kind: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"task": kind, "label": {"ordinal": "stars"}.get(kind)}
    rows = rows_of(kind)
    first = prepare(rows, tmp_path / "first", **options)
    column = str(first.columns.label)
    rows[1] = {**rows[1], column: rows[1][column][::-1] if kind == "tagging" else rows[2][column]}
    assert prepare(rows, tmp_path / "second", **options).digest != first.digest


@pytest.mark.parametrize("cell", ["delay; price", "delay,price", "price | delay", '["price", "delay"]', "delay;price;delay;"])
def test_labels_in_one_cell(cell: str, tmp_path: Path) -> None:
    rows = [{"text": text(row), "label": cell if row % 2 else "staff"} for row in range(ROWS)]
    gold = named_gold(prepare(rows, tmp_path, task="multilabel"))
    assert gold[1] == ["staff"]
    assert gold[2] == ["delay", "price"]


def test_words_and_tags_between_spaces(tmp_path: Path) -> None:
    rows = [{"text": f"Karl sings w{row}", "tags": "PER O  O"} for row in range(ROWS)]
    dataset = prepare(rows, tmp_path, task="tagging", text="text", label="tags")
    assert dataset.splits["train"].words is not None
    assert named_gold(dataset)[1] == ["PER", "O", "O"]


def test_numbers_of_tags_are_names(tmp_path: Path) -> None:
    """As in files of the hub, where `ner_tags` are numbers."""
    rows = [{"tokens": ["a", f"w{row}"], "ner_tags": [0, row % 3]} for row in range(ROWS)]
    dataset = prepare(write(tmp_path / "a.jsonl", rows), tmp_path / "out")
    assert (dataset.task, dataset.labels) == ("tagging", ["0", "1", "2"])
    assert named_gold(dataset)[3] == ["0", "2"]


def test_tags_that_train_never_shows_are_told_and_kept(tmp_path: Path) -> None:
    held = [{"tokens": ["new", "Oslo", f"v{row}"], "tags": ["O", "B-CITY", "O"]} for row in range(9)]
    dataset = prepare(write(tmp_path / "a.jsonl", rows_of("tagging")), tmp_path / "out", test=write(tmp_path / "test.jsonl", held))
    (note,) = [str(note) for note in dataset.inferences if note.what.startswith("tags")]
    assert note == 'tags that train never shows: "B-CITY" (9 words of dev and test have them; no method can find them)'
    assert "B-CITY" in dataset.labels
    assert [dataset.labels[tag] for tag in dataset.splits["test"].gold[0]] == ["O", "B-CITY", "O"]


def test_many_numbers_are_measured_and_few_are_labels(tmp_path: Path) -> None:
    few = [{"text": text(row), "score": (0.5, 1.5)[row % 2]} for row in range(ROWS)]
    whole = [{"text": text(row), "score": row % 30} for row in range(ROWS)]
    assert prepare(few, tmp_path / "few").task == "classification"
    assert prepare(whole, tmp_path / "whole").task == "classification"
    assert prepare(whole, tmp_path / "asked", task="regression").task == "regression"


def bad(kind: str, changes: Mapping[int, Row]) -> list[Row]:
    """Good rows, some of them changed; numbered from 1."""
    rows = rows_of(kind)
    for number, change in changes.items():
        rows[number - 1] = {**rows[number - 1], **change}
    return rows


NUMBER = "no finite number. Correct it."
WRONG: dict[str, tuple[str, dict[int, Row], dict[str, Any], str, list[str]]] = {
    "tags and words that do not go together": (
        "tagging",
        {3: {"tags": ["O"]}, 9: {"tokens": ["a"]}, 12: {"tokens": [], "tags": []}},
        {},
        "E-LABEL",
        [
            "3 problems",
            'row 3: 2 words in column "tokens" and 1 tags in column "tags"',
            "row 9: 1 words",
            'row 12, column "tokens": no word. Delete the row.',
        ],
    ),
    "no list of words": (
        "tagging",
        {4: {"tokens": ["a", None], "tags": ["O", "O"]}, 5: {"tags": ["O", ["B"]]}},
        {},
        "E-TEXT",
        ["2 problems", 'row 4: ["a", null] holds something else than words', "row 5"],
    ),
    "an object instead of tags": (
        "tagging",
        {6: {"tags": {"a": "O"}}},
        {},
        "E-TEXT",
        ['row 6: {"a": "O"} holds something else'],
    ),
    "a missing number": (
        "regression",
        {2: {"score": None}, 5: {"score": " "}},
        {"task": "regression"},
        "E-LABEL",
        ["2 problems", 'row 2, column "score": the number is missing', "row 5"],
    ),
    "text among numbers": (
        "regression",
        {2: {"score": "high"}, 7: {"score": "nan"}, 8: {"score": "inf"}, 9: {"score": "1_000"}},
        {"task": "regression"},
        "E-LABEL",
        ["4 problems", f'row 2, column "score": "high" is {NUMBER}', f'row 7, column "score": "nan" is {NUMBER}', "row 8", "row 9"],
    ),
    "a list among numbers": ("regression", {9: {"score": [1.5]}}, {"task": "regression"}, "E-LABEL", ['row 9, column "score": ']),
    "an object where a number is needed": (
        "regression",
        {2: {"score": {"a": 1}}},
        {"task": "regression"},
        "E-LABEL",
        ['row 2, column "score": an object'],
    ),
    "a list that holds no labels": (
        "multilabel",
        {2: {"label": ["price", 3]}, 8: {"label": [""]}},
        {},
        "E-LABEL",
        ["2 problems", 'row 2, column "label": ["price", 3] holds something else than labels. Write a list of texts.', "row 8"],
    ),
    "an object among lists": (
        "multilabel",
        {3: {"label": {"price": 1}}},
        {},
        "E-LABEL",
        ['row 3, column "label": {"price": 1} holds'],
    ),
    "an object before the lists": ("multilabel", {1: {"label": {"price": 1}}}, {}, "E-LABEL", ["row 1", "object"]),
    "a list that is not whole": (
        "multilabel",
        {3: {"label": '["price"'}},
        {"task": "multilabel"},
        "E-LABEL",
        ['row 3, column "label": ["price" is no whole list'],
    ),
    "lists by accident": (
        "classification",
        {5: {"label": ["ham"]}, 30: {"label": ["ham", "spam"]}},
        {},
        "E-LABEL",
        ['row 5, 30, column "label": a list where a label is needed'],
    ),
    "a missing list of words": ("tagging", {4: {"tokens": None}}, {}, "E-LABEL", ["row 4: 0 words in column", "and 4 tags"]),
    "a list of words by accident": (
        "multilabel",
        {5: {"text": ["some", "words"]}},
        {},
        "E-TEXT",
        ['row 5, column "text": a list where a text is needed'],
    ),
    "levels without numbers": (
        "classification",
        {1: {"label": "3"}, 3: {"label": "3"}},
        {"task": "ordinal"},
        "E-LABEL",
        ['"ham", "spam" have none', "--task classification"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_all_that_is_wrong_is_told_at_once(name: str, tmp_path: Path) -> None:
    kind, changes, options, code, says = WRONG[name]
    error = failure(write(tmp_path / "a.jsonl", bad(kind, changes)), tmp_path / "out", **options)
    assert error.code == code
    for piece in says:
        assert piece in str(error)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_one_tag_and_one_number_are_nothing_to_learn(tmp_path: Path) -> None:
    tags = [{"tokens": ["a", f"w{row}"], "tags": ["O", "O"]} for row in range(ROWS)]
    assert 'every word has the tag "O". At least two are needed.' in str(failure(write(tmp_path / "t.jsonl", tags), tmp_path / "t"))
    flat = [{"text": text(row), "score": 2.5} for row in range(ROWS)]
    assert "every row has the number 2.5. There is nothing to learn." in str(
        failure(write(tmp_path / "n.jsonl", flat), tmp_path / "n", task="regression")
    )
    sets = [{"text": text(row), "label": ["price"] if row % 2 else []} for row in range(ROWS)]
    assert "1 different labels in all rows. At least two are needed." in str(failure(write(tmp_path / "s.jsonl", sets), tmp_path / "s"))


def test_labels_that_are_texts(tmp_path: Path) -> None:
    sets = [{"text": text(row), "label": [f"note {row}", f"more {row}"]} for row in range(ROWS)]
    assert "120 different labels in 60 rows are no label set" in str(failure(write(tmp_path / "s.jsonl", sets), tmp_path / "s"))


@pytest.mark.parametrize(
    ("kind", "row", "says"),
    [
        (
            "multilabel",
            {"text": "new", "label": ["prise", "delay"]},
            'row 10, column "label": the label "prise" never occurs in train. Closest: "price".',
        ),
        ("ordinal", {"text": "new", "stars": "9 star"}, 'row 10, column "stars": the label "9 star" (1 row) never occurs in train.'),
        ("regression", {"text": "new", "score": "low"}, f'row 10, column "score": "low" is {NUMBER}'),
        ("tagging", {"tokens": ["new"], "tags": ["O", "O"]}, "row 10: 1 words"),
    ],
)
@pytest.mark.parametrize("split", ["dev", "test"])
def test_held_out_rows_are_checked_too(kind: str, row: Row, says: str, split: str, tmp_path: Path) -> None:
    held = write(tmp_path / "held.jsonl", [*rows_of(kind, 9, ROWS), row])
    train = write(tmp_path / "a.jsonl", rows_of(kind))
    options: dict[str, Any] = {"task": kind, "label": {"ordinal": "stars"}.get(kind), split: held}
    error = failure(train, tmp_path / "out", **options)
    assert error.code == "E-LABEL"
    assert str(error).startswith("held.jsonl")
    assert says in str(error)


def test_splits_have_the_same_spread_of_numbers(tmp_path: Path) -> None:
    rows = [{"text": text(row), "score": row / 7} for row in range(400)]
    dataset = prepare(rows, tmp_path)
    means = [float(examples.gold.mean()) for examples in dataset.splits.values()]
    assert max(means) - min(means) < 1.5, means


def test_lists_with_one_label_in_every_row_are_told(tmp_path: Path) -> None:
    def told(second: list[str]) -> str:
        rows = [{"text": f"row {row} is here", "label": ["a"] if row % 2 else second} for row in range(24)]
        return "\n".join(map(str, prepare(rows, tmp_path / str(len(second))).inferences))

    assert "labels in a row: one in every row" in told(["b"])
    assert "labels in a row" not in told(["a", "b"])
