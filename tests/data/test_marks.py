"""Places beside a text become marks in it: all usual layouts give the same text, what does not fit is told with its row."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.columns import Columns
from leantune.data.dataset import Dataset, prepare
from leantune.data.golds.label import Label
from leantune.data.table import MARKED
from leantune.data.unlabelled import read_labelled, read_rows
from leantune.data.write import write_with
from leantune.tasks.relation import MEMBER as RELATION

Row = dict[str, Any]
NAMES = ["caused-by(e1,e2)", "none"]


def words(number: int) -> list[str]:
    return ["A", "big", "fire", str(number), "by", "lightning"]


def text(number: int) -> str:
    return " ".join(words(number))


def expected(number: int) -> str:
    return f"A <e1>big fire</e1> {number} by <e2>lightning</e2>"


def places(number: int) -> tuple[int, int]:
    """First character of the tail and the one behind it."""
    return len(text(number)) - len("lightning"), len(text(number))


def open_nre(number: int) -> Row:
    return {"token": words(number), "h": {"name": "Big Fire", "pos": [1, 3]}, "t": {"name": "lightning", "pos": [5, 6]}}


def few_rel(number: int) -> Row:
    return {"tokens": words(number), "h": ["big fire", "Q1", [[1, 2]]], "t": ["lightning", "Q2", [[5]]]}


def tacred(number: int) -> Row:
    return {"token": words(number), "subj_start": 1, "subj_end": 2, "obj_start": 5, "obj_end": 5, "stanford_pos": ["NN"] * 6}


def spans(number: int) -> Row:
    return {"text": text(number), "head_span": [2, 10], "tail_span": list(places(number))}


def objects(number: int) -> Row:
    start, end = places(number)
    return {"sentence": text(number), "e1": {"start": 2, "end": 10, "text": "big fire"}, "e2": {"start": start, "end": end}}


def last_characters(number: int) -> Row:
    start, end = places(number)
    return {"text": text(number), "e1_start": 2, "e1_end": 9, "e2_start": start, "e2_end": end - 1}


def canonical(number: int) -> Row:
    """Names that are not the words in the text."""
    row = open_nre(number)
    return row | {"h": row["h"] | {"name": "conflagration"}}


LAYOUTS: list[Callable[[int], Row]] = [open_nre, few_rel, tacred, spans, objects, last_characters, canonical]


def rows_of(layout: Callable[[int], Row], count: int = 60) -> list[Row]:
    return [layout(number) | {"relation": NAMES[number % 2]} for number in range(1, count + 1)]


def found(dataset: Dataset) -> dict[int, str]:
    return {row: text for examples in dataset.splits.values() for row, text in zip(examples.rows.tolist(), examples.texts, strict=True)}


def note(dataset: Dataset) -> str:
    (line,) = [str(line) for line in dataset.inferences if line.what == "marks"]
    return line


@pytest.mark.parametrize("layout", LAYOUTS)
def test_marks_are_put_in(layout: Callable[[int], Row], tmp_path: Path) -> None:
    dataset = prepare(rows_of(layout), tmp_path)
    assert dataset.task == "relation"
    assert found(dataset) == {number: expected(number) for number in range(1, 61)}
    unit, last = layout not in (spans, objects, last_characters), layout in (tacred, last_characters)
    assert f"places count {'words' if unit else 'characters'} of" in note(dataset)
    assert f"the end is {'the last one' if last else 'the one behind the last'}" in note(dataset)
    assert ("not compared" in note(dataset)) == (layout is canonical)


@pytest.mark.parametrize("written", ["{0}:{1}", "[{0}, {1}]", "({0}, {1})", "{0} {1}"])
def test_places_in_csv(written: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "head_span", "tail_span", "label"])
        writer.writerows([text(n), written.format(2, 10), written.format(*places(n)), NAMES[n % 2]] for n in range(1, 61))
    assert found(prepare(path, tmp_path / "out")) == {number: expected(number) for number in range(1, 61)}


def test_the_first_thing_may_stand_behind_the_second(tmp_path: Path) -> None:
    rows = [row | {"head_span": row["tail_span"], "tail_span": row["head_span"]} for row in rows_of(spans)]
    assert found(prepare(rows, tmp_path))[7] == "A <e2>big fire</e2> 7 by <e1>lightning</e1>"


def broken() -> list[Row]:
    rows = rows_of(objects)
    rows[2]["e1"] = {"start": 3, "end": 10, "text": "big fire"}
    rows[4]["e1"] = {"start": 2, "end": 999}
    rows[6]["e2"] = {"start": 5, "end": 12}
    rows[8]["e2"] = None
    rows[10]["e1"] = {"start": 4, "end": 4}
    rows[12]["sentence"] = None
    rows[14]["sentence"] = expected(15)
    return rows


BROKEN = [
    'row 3: column "e1": at 3 to 10 stands "ig fire", not "big fire". Correct the places',
    'row 5: column "e1": from 2 to 999 is no place in a text of 25 characters',
    "row 7: the two things overlap (2 to 10 and 5 to 12). They must stand apart.",
    'row 9: column "e2": there is no place.',
    'row 11: column "e1": from 4 to 4 is no place',
    'row 13: column "sentence": there is no text.',
    'row 15: column "sentence": there are marks already',
]


def test_what_does_not_fit_is_told_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepare(broken(), tmp_path)
    for line in ("7 problems", *BROKEN):
        assert line in str(caught.value)


def test_places_beside_marks_are_left_alone(tmp_path: Path) -> None:
    rows = [row | {"text": expected(number)} for number, row in enumerate(rows_of(spans), 1)]
    dataset = prepare(rows, tmp_path)
    assert dataset.columns.text == "text"
    assert found(dataset)[3] == expected(3)


@pytest.mark.parametrize("options", [{"task": "classification"}, {"text": "other"}])
def test_they_are_left_alone_on_demand(options: Row, tmp_path: Path) -> None:
    """Another task has no use for them, and another column has other places."""
    rows = [row | {"other": f"something else {number}"} for number, row in enumerate(rows_of(spans))]
    dataset = prepare(rows, tmp_path, label="relation", **options)
    told = [str(line) for line in dataset.inferences if line.what == "marks"]
    unused = 'marks: none ("head_span" and "tail_span" are no places in "other"; override with --text COL)'
    assert told == ([unused] if "text" in options else [])
    assert dataset.columns.text == options.get("text", "text")


def test_the_column_can_be_named(tmp_path: Path) -> None:
    rows = [row | {"longer": "a much longer text than the other " * 3} for row in rows_of(last_characters)]
    for row in rows:
        row["short"] = row.pop("text")
    assert found(prepare(rows, tmp_path, text="short"))[5] == expected(5)


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("trained_on", ["token", MARKED])
def test_rows_to_predict_get_marks_and_keep_their_columns(trained_on: str, tmp_path: Path) -> None:
    path = write(tmp_path / "new.jsonl", [open_nre(number) for number in range(1, 4)])
    rows = read_rows(path, tmp_path, Columns(text=trained_on), pattern=RELATION.pattern)
    assert [text for chunk in rows.chunks() for text in chunk.texts] == [expected(number) for number in range(1, 4)]
    assert [note.what for note in rows.inferences] == ["marks"]
    write_with(rows.table, tmp_path / "out.jsonl", ["label"], [["x"]] * 3)
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").open()] == [open_nre(number) | {"label": "x"} for number in range(1, 4)]


def test_rows_to_predict_without_marks_or_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'row 2, column "text": the marks of the two things are missing'):
        read_rows([{"text": expected(1)}, {"text": "none"}], tmp_path, Columns(text="text"), pattern=RELATION.pattern)


def test_labelled_rows_get_marks(tmp_path: Path) -> None:
    columns = Columns(text=MARKED, label="relation")
    examples, notes = read_labelled(rows_of(few_rel, 4), tmp_path, columns, NAMES, Label(), pattern=RELATION.pattern)
    assert list(examples.texts) == [expected(number) for number in range(1, 5)]
    assert (examples.gold.tolist(), [note.what for note in notes]) == ([1, 0, 1, 0], ["marks"])
