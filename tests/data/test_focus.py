"""Rows that are about some of their words: how these are named, what is refused; every base sees them and keeps the words apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leantune.core.errors import DataError, SpecError
from leantune.data.dataset import Dataset, prepare
from leantune.data.encoding import encode_rows, encode_to_disk
from leantune.data.examples import ExampleChunk
from leantune.data.focus import as_cell, places_of, read, written
from leantune.data.unlabelled import read_rows
from leantune.models.base import load_tokenizer

FAMILIES = ["bert", "roberta", "gpt2", "deberta-v2"]
LONG = ["the", "movie", "U.S.", "unbelievable", "don't", "a", "great"] * 12
ROWS: list[tuple[list[str], list[int]]] = [
    (["the", "movie", "was", "great"], [2]),
    (["the", "movie", "the", "unbelievable"], [0, 1]),
    (["good", "card", "x-ray"], [0, 2]),
    (["never"], [0]),
    (["@", "bank", "@", "lost", "@"], [3]),
    (["New York", "is", " big", "", "Zürich"], [0]),
    (LONG, [40]),
]


@pytest.fixture(scope="session")
def tokenizer(tiny: Callable[[str], Path]) -> Callable[[str], Any]:
    return cache(lambda family: load_tokenizer(str(tiny(family))))


def chunk(*rows: tuple[list[str], list[int]]) -> ExampleChunk:
    words = [row for row, _ in rows]
    return ExampleChunk([" ".join(row) for row in words], [written(places) for _, places in rows], words)


@pytest.mark.parametrize(
    ("cell", "span", "places"),
    [
        ("3", False, [3]),
        ("3.0", False, [3]),
        ("[3]", True, [3]),
        ("[4, 3]", False, [3, 4]),
        ("3 5", False, [3, 5]),
        ("[3, 5]", True, [3, 4]),
        ('{"start": 2, "end": 3}', False, [2]),
        ("[0, 2, 4]", True, [0, 2, 4]),
    ],
)
def test_places_are_read_as_people_write_them(cell: str, span: bool, places: list[int]) -> None:
    assert places_of(cell, 6, span=span) == places
    assert places_of(as_cell(places), 6, span=span) == read(written(places)) == places, "in a cell again, and as they are stored"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (None, "no word is named"),
        ("[]", "no word is named"),
        ("6", "6 is no place among 6 words"),
        ("[-1]", "-1 is no place"),
        ("sold", "sold is no place of a word"),
        ("[true]", "is no place of a word"),
        ('{"start": 3, "end": 3}', r"from 3 to 3 holds no word.*\[3, 4\]"),
    ],
)
def test_what_names_no_word_is_refused(cell: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        places_of(cell, 6)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[0])[:20])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_word_is_marked_at_its_first_token(tokenizer: Callable[[str], Any], family: str, row: tuple[list[str], list[int]]) -> None:
    """In the second text, never among the words in front; the letters that stand from one word to the next are the word's own."""
    tool, (words, places) = tokenizer(family), row
    encoded = encode_rows(tool, chunk(row), 512, "focus")
    assert len(encoded) == 1
    padded = encoded.padded([0], 0)
    assert padded.marks is not None
    assert padded.marks[0, : encoded.first[0]].max() == -1
    assert padded.types[0].sum() == len(encoded.ids) - encoded.first[0]
    begun = [(int(word), place) for place, word in enumerate(padded.marks[0]) if word >= 0]
    assert [word for word, _ in begun] == [number for number, word in enumerate(words) if word]
    ends = [place for _, place in begun[1:]] + [padded.ids.shape[1]]
    for (word, start), end in zip(begun, ends, strict=True):
        said = letters(tool.decode(padded.ids[0, start:end], skip_special_tokens=True))
        signs = (word in places and word + 1 not in places) + (word + 1 in places and word not in places)
        assert said == letters(tool.decode(tool(words[word], add_special_tokens=False)["input_ids"])) + "@" * signs


def letters(text: str) -> str:
    return "".join(text.lower().split())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_piece_of_a_long_row_has_the_words_in_front_and_no_word_is_lost(tokenizer: Callable[[str], Any], family: str) -> None:
    rows = [(LONG, [1]), (LONG[:3], [2]), (LONG, [80, 81])]
    encoded = encode_rows(tokenizer(family), chunk(*rows), 40, "focus")
    assert encoded.marks is not None
    assert encoded.lengths.max() <= 40
    assert encoded.rows.tolist() == sorted(encoded.rows.tolist())
    for row, (words, _) in enumerate(rows):
        pieces = np.flatnonzero(encoded.rows == row)
        fronts = {tuple(encoded.ids[encoded.starts[piece] : encoded.starts[piece] + encoded.first[piece]]) for piece in pieces}
        assert len(fronts) == 1
        found = [encoded.marks[encoded.starts[piece] : encoded.starts[piece + 1]] for piece in pieces]
        assert {int(word) for marks in found for word in marks} - {-1} == set(range(len(words)))
        assert (len(pieces) > 1) == (len(words) > 3)


def test_the_same_sentence_differs_by_its_place(tokenizer: Callable[[str], Any], tmp_path: Path) -> None:
    rows = chunk((["the", "movie", "the"], [0]), (["the", "movie", "the"], [2]))
    memory, disk = (
        encode_rows(tokenizer("bert"), rows, 64, "focus"),
        encode_to_disk(tokenizer("bert"), [rows], 64, tmp_path / "train", "focus"),
    )
    one, two = (memory.ids[memory.starts[row] : memory.starts[row + 1]].tolist() for row in (0, 1))
    assert one != two
    assert sorted(one) == sorted(two), "only the signs stand elsewhere"
    assert np.array_equal(memory.ids, disk.ids)


def test_words_in_front_that_leave_no_room_are_refused(tokenizer: Callable[[str], Any]) -> None:
    with pytest.raises(SpecError, match=r"up to \d+ tokens, which leaves too little of 16"):
        encode_rows(tokenizer("bert"), chunk((LONG, list(range(20)))), 16, "focus")


SENTENCE = ["We", "sold", "old", "books", "and", "left"]
FIRST, SECOND = ["B-ARG0", "B-V", "B-ARG1", "I-ARG1", "O", "O"], ["B-ARG0", "O", "O", "O", "O", "B-V"]


def role_rows(number: int = 30) -> list[dict[str, Any]]:
    made = []
    for row in range(number):
        words = [*SENTENCE, f"w{row}"]
        made += [
            {"tokens": words, "predicate_index": 1, "tags": [*FIRST, "O"]},
            {"tokens": words, "predicate_index": 5, "tags": [*SECOND, "O"]},
        ]
    return made


def prepared(folder: Path, rows: list[dict[str, Any]], **options: Any) -> Dataset:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return prepare(path, folder / "data", **options)


def test_the_column_of_the_predicate_makes_the_task(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, role_rows())
    assert (dataset.task, dataset.columns.text_pair, dataset.columns.label) == ("roles", "predicate_index", "tags")
    said = [str(line) for line in dataset.inferences]
    assert 'column of the place: "predicate_index" (which word a row is about, named so; override with --text-pair COL)' in said
    assert any(line.startswith("task: roles (") and '"predicate_index" says which word it is about' in line for line in said)
    train = dataset.splits["train"]
    assert train.words is not None
    assert train.pairs is not None
    for words, place, tags in zip(train.words, train.pairs, train.gold, strict=True):
        assert [dataset.labels[tag] for tag in tags][read(place)[0]] == "B-V"
        assert words[:6] == SENTENCE
    sentences = [{tuple(words) for words in part.words or []} for part in dataset.splits.values()]
    assert not (sentences[0] & sentences[1]) | (sentences[0] & sentences[2]) | (sentences[1] & sentences[2]), "a sentence stays whole"


def test_a_task_named_otherwise_does_not_take_the_column(tmp_path: Path) -> None:
    assert prepared(tmp_path, role_rows(), task="tagging").columns.text_pair is None


def test_other_names_and_spans_of_triggers(tmp_path: Path) -> None:
    rows = [
        {"tokens": row["tokens"], "trigger": [row["predicate_index"], row["predicate_index"] + 1], "roles": row["tags"]}
        for row in role_rows()
    ]
    dataset = prepared(tmp_path, rows)
    assert dataset.task == "arguments"
    assert dataset.splits["train"].pairs is not None
    assert {len(read(place)) for place in dataset.splits["train"].pairs} == {1}


def test_a_task_of_roles_needs_a_place(tmp_path: Path) -> None:
    rows = [{"tokens": row["tokens"], "tags": row["tags"]} for row in role_rows()]
    with pytest.raises(DataError, match=r"no column says which word a row is about, such as predicate_index.*--text-pair COL"):
        prepared(tmp_path, rows, task="roles")


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    rows = role_rows()
    rows[0]["predicate_index"] = 7
    rows[1]["predicate_index"] = None
    rows[2]["predicate_index"] = 2
    rows[3]["tags"] = rows[3]["tags"][:-1]
    rows[4]["tags"] = ["I-ARG0", *rows[4]["tags"][1:]]
    rows[5]["tags"] = ["ARG0", *rows[5]["tags"][1:]]
    with pytest.raises(DataError) as raised:
        prepared(tmp_path, rows)
    for message in (
        'row 1, column "predicate_index": 7 is no place among 7 words. Places count from 0 to 6.',
        'row 2, column "predicate_index": no word is named. Write the number of the word, from 0.',
        'row 3, column "tags": B-V stands at word 1, but "predicate_index" says [2]. Correct one of them.',
        'row 4: 7 words in column "tokens" and 6 tags in column "tags". Each word needs one tag.',
        'row 5, column "tags": word 0: "I-ARG0" follows "O". A role begins with B-.',
        'row 6, column "tags": word 0: "ARG0" is no tag of a span.',
    ):
        assert message in str(raised.value)


def test_rows_to_predict_are_checked_too(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, role_rows())
    new = tmp_path / "new.jsonl"
    new.write_text('{"tokens": ["a", "b"], "predicate_index": 1}\n{"tokens": ["a"], "predicate_index": 1}\n{"tokens": ["a"]}\n')
    with pytest.raises(DataError, match=r"(?s)2 problems.*row 2, .*1 is no place among 1 word.*row 3, .*no word is named"):
        read_rows(new, tmp_path / "work", dataset.columns, "focus")
