"""Multiple choice as files write it: where the options stand, which one is right, and what is wrong with them."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leantune.artifact.script.choose import options_of
from leantune.artifact.script.composed import column
from leantune.core.errors import DataError
from leantune.data.columns import Columns
from leantune.data.composed import cell_of, sources
from leantune.data.dataset import Dataset, prepare
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.unlabelled import read_rows
from leantune.models.base import open_base

Row = dict[str, Any]
WORDS = ["red", "blue", "green", "black"]
STEM = "What colour is thing {}?"


def race(number: int, words: list[str], right: int) -> Row:
    return {"article": f"Thing {number} is {words[right]}.", "question": STEM.format(number), "options": words, "answer": "ABCD"[right]}


def swag(number: int, words: list[str], right: int) -> Row:
    return {"sent1": f"Thing {number}.", "sent2": "It is"} | {f"ending{at}": word for at, word in enumerate(words)} | {"label": right}


def hellaswag(number: int, words: list[str], right: int) -> Row:
    return {"ctx": f"Thing {number}", "ctx_a": "a", "ctx_b": "b", "endings": words, "label": str(right), "source_id": f"s{number}"}


def arc(number: int, words: list[str], right: int) -> Row:
    """Names that are letters in one row and numbers in the next one."""
    names = "ABCD" if number % 2 else "1234"
    listed = [{"text": word, "label": name} for word, name in zip(words, names, strict=True)]
    return {"id": number, "question": {"stem": STEM.format(number), "choices": listed}, "answerKey": names[right]}


def openbook(number: int, words: list[str], right: int) -> Row:
    return {"question_stem": STEM.format(number), "choices": {"text": words, "label": list("ABCD")}, "answerKey": "ABCD"[right]}


def copa(number: int, words: list[str], right: int) -> Row:
    two = [words[right], words[right - 1]] if number % 2 else [words[right - 1], words[right]]
    return {"premise": f"Thing {number}.", "question": "cause", "choice1": two[0], "choice2": two[1], "label": two.index(words[right])}


def mmlu(number: int, words: list[str], right: int) -> Row:
    return {"question": STEM.format(number), "subject": "things", "choices": words, "answer": right + 1}


def by_text(number: int, words: list[str], right: int) -> Row:
    return {"question": STEM.format(number), "choices": words, "answer": words[right]}


def table(number: int, words: list[str], right: int) -> Row:
    return {"question": STEM.format(number), "A": words[0], "B": words[1], "C": words[2], "D": words[3], "answer": "abcd"[right].upper()}


LAYOUTS: dict[str, tuple[Callable[[int, list[str], int], Row], str, str, str, str]] = {
    "race": (race, "article + question", "options", "answer", "by its letter"),
    "swag": (swag, "sent1 + sent2", "ending0 | ending1 | ending2 | ending3", "label", "counted from 0"),
    "hellaswag": (hellaswag, "ctx", "endings", "label", "counted from 0"),
    "arc": (arc, "question.stem", "question.choices", "answerKey", "by its name"),
    "openbook": (openbook, "question_stem", "choices", "answerKey", "by its name"),
    "copa": (copa, "premise + question", "choice1 | choice2", "label", "counted from 0"),
    "mmlu": (mmlu, "question", "choices", "answer", "counted from 1"),
    "by text": (by_text, "question", "choices", "answer", "by its text"),
    "csv": (table, "question", "A | B | C | D", "answer", "by its name"),
}


def made(row: Callable[[int, list[str], int], Row], number: int = 60) -> tuple[list[Row], list[str]]:
    """Rows and the text of the right option of each."""
    draw, rows, right = random.Random(0), list[Row](), list[str]()
    for place in range(number):
        words, at = draw.sample(WORDS, 4), draw.randrange(4)
        rows.append(row(place, words, at))
        right.append(words[at])
    return rows, right


def write(path: Path, rows: list[Row]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def said(dataset: Dataset) -> dict[str, str]:
    return {note.what: note.value for note in dataset.inferences}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_the_field_are_read_as_they_are(layout: str, tmp_path: Path) -> None:
    row, text, options, label, way = LAYOUTS[layout]
    rows, right = made(row)
    dataset = prepare(write(tmp_path / ("rows.csv" if layout == "csv" else "rows.jsonl"), rows), tmp_path / "data")
    assert dataset.columns == Columns(text=text, text_pair=options, label=label)
    assert (dataset.task, said(dataset)["right option"]) == ("choice", way)
    assert said(dataset)["number of options"] == ("2 in each row" if layout == "copa" else "4 in each row")
    seen = set[int]()
    for examples in dataset.splits.values():
        for place, number in enumerate(examples.rows):
            gold, given = examples.gold[place], json.loads(examples.take([place])[0][1] or "")
            assert gold["text"] == right[number - 1] == given[gold["place"]]
            assert str(number - 1) in examples.texts[place], "the text is the row's own"
            seen.add(int(number))
    assert len(seen) == len(rows)
    assert column(rows, text) == [cell_of(one, text) for one in rows]
    assert [sorted(options_of(cell)) for cell in column(rows[:5], options)] == [
        sorted(json.loads(pair)) for pair in by_row(dataset, range(1, 6))
    ], "the standalone script finds the same options"


def by_row(dataset: Dataset, numbers: range) -> list[str]:
    found = {int(number): pair for one in dataset.splits.values() for number, pair in zip(one.rows, one.pairs or [], strict=True)}
    return [found[number] for number in numbers]


def test_rows_may_have_different_numbers_of_options(tmp_path: Path) -> None:
    rows, _ = made(table)
    for place, row in enumerate(rows):
        if place % 3 == 0 and row["answer"] != "D":
            row["D"] = ""
    dataset = prepare(write(tmp_path / "rows.csv", rows), tmp_path / "data")
    assert said(dataset)["number of options"] == "3 to 4 in a row"
    assert {len(json.loads(pair)) for one in dataset.splits.values() for pair in one.pairs or []} == {3, 4}


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    rows, _ = made(mmlu)
    rows[2]["answer"] = 7
    rows[4]["choices"] = ["red"]
    rows[6]["choices"] = ["red", "blue", "red"]
    rows[8]["answer"] = None
    rows[10]["choices"] = ["red", "", "blue"]
    rows[12]["choices"] = "red or blue"
    with pytest.raises(DataError) as caught:
        prepare(write(tmp_path / "rows.jsonl", rows), tmp_path / "data")
    for message in (
        'row 3, column "answer": "7" is not the number of one of the 4 options, counted from 1.',
        'row 5, column "choices": 1 option. At least two are needed.',
        'row 7, column "choices": options 1 and 3 are the same ("red").',
        'row 9, column "answer": no right option is given.',
        'row 11, column "choices": option 2 of 3 is empty.',
        'row 13, column "choices": "red or blue" is no list of options.',
    ):
        assert message in str(caught.value)


def test_a_held_out_file_must_say_it_in_the_same_way(tmp_path: Path) -> None:
    train, _ = made(mmlu)
    test, _ = made(by_text, 20)
    with pytest.raises(
        DataError, match=r'test.jsonl: 20 problems\n  row 1, column "answer": "\w+" is not the number of one of the 4 options'
    ):
        prepare(write(tmp_path / "train.jsonl", train), tmp_path / "data", test=write(tmp_path / "test.jsonl", test))


def test_multiple_choice_needs_options(tmp_path: Path) -> None:
    rows = [{"text": f"thing {place}", "label": place % 2} for place in range(20)]
    with pytest.raises(DataError, match=r"multiple choice needs the options of each row. Name them with --text-pair COL"):
        prepare(rows, tmp_path, task="choice")
    with pytest.raises(DataError, match='there is no column "right"'):
        prepare(rows, tmp_path, text="text", text_pair="label | right", label="label", task="choice")


def test_rows_to_predict_are_checked_too(tmp_path: Path) -> None:
    rows: list[Row] = [{"question": "what", "choices": ["red", "blue"]}, {"question": "what", "choices": []}]
    columns = Columns(text="question", text_pair="choices")
    with pytest.raises(DataError, match=r'row 2, column "choices": no options. At least two are needed.'):
        read_rows(rows, tmp_path, columns, pieces="options")
    found = read_rows(rows[:1], tmp_path, columns, pieces="options")
    assert [chunk.pairs for chunk in found.chunks()] == [['["red", "blue"]']]


def test_columns_may_be_made_of_others() -> None:
    row = {"a": "x", "b": None, "c": '{"d": ["y"]}', "e + f": "z"}
    assert cell_of(row, "a + b + a") == "x x", "an empty one leaves no gap"
    assert cell_of(row, "c.d") == '["y"]'
    assert cell_of(row, "a | b") == '{"a": "x", "b": null}'
    assert (cell_of(row, "e + f"), sources("e + f", row)) == ("z", ["e + f"]), "a column with that very name is meant by it"
    assert (sources("a + e", row), sources("c.d | a", row)) == (None, ["c", "a"])
    with pytest.raises(SystemExit, match='there is no column "e"'):
        column([row], "a + e")


def test_each_option_is_a_piece_behind_the_end_of_the_text(tiny: Callable[[str], Path]) -> None:
    tokenizer = open_base(str(tiny("bert"))).tokenizer
    rows = ExampleChunk(["the movie was great " * 10 + "card", "a day"], ['["red", "the blue book"]', '["one", "two", "three"]'])
    before = tokenizer.truncation_side
    encoded = encode_rows(tokenizer, rows, 16, "options")
    assert tokenizer.truncation_side == before
    assert encoded.rows.tolist() == [0, 0, 1, 1, 1]
    assert encoded.lengths.max() == 16
    read = [tokenizer.decode(encoded.ids[start:end]) for start, end in zip(encoded.starts, encoded.starts[1:], strict=False)]
    assert [text.split("[SEP]")[0].split()[-1] for text in read] == ["card", "card", "day", "day", "day"]
    assert [text.split("[SEP]")[1].strip() for text in read] == ["red", "the blue book", "one", "two", "three"]
    assert encoded.units.pieces(np.array([1])).tolist() == [2, 3, 4]
