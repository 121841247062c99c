"""Columns are found by name, then by content, and each guess is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from leantune.core.errors import DataError, Problems
from leantune.data.columns import Columns, Wanted, infer_columns
from leantune.data.table import TableWriter

N = 40


def infer(folder: Path, columns: dict[str, list[str]], wanted: Wanted = Wanted()) -> tuple[Columns, list[str]]:  # noqa: B008
    writer = TableWriter(folder / "t.arrow", Problems("t"))
    writer.write(columns)
    found, notes = infer_columns(writer.close(), "t.csv", wanted)
    return found, [str(note) for note in notes]


def texts(word: str = "some words and number") -> list[str]:
    return [f"{word} {i}" for i in range(N)]


def labels(*values: str) -> list[str]:
    return [values[i % len(values)] for i in range(N)]


CASES = [
    ({"text": texts(), "label": labels("a", "b")}, ("text", None, "label")),
    ({"Label": labels("a", "b"), "Sentence": texts()}, ("Sentence", None, "Label")),
    ({"premise": texts("p"), "hypothesis": texts("h"), "label": labels("0", "1")}, ("premise", "hypothesis", "label")),
    ({"question": texts("q"), "answer": texts("a"), "target": labels("0", "1")}, ("question", "answer", "target")),
    ({"id": [str(i) for i in range(N)], "mail": texts(), "queue": labels("x", "y", "z")}, ("mail", None, "queue")),
    ({"mail": texts(), "stars": labels("1", "2", "3")}, ("mail", None, "stars")),
    ({"mail": texts(), "queue": labels("x", "y"), "stars": labels("1", "2")}, ("mail", None, "queue")),
    ({"text": texts(), "label": labels("a", "b"), "category": labels("c", "d")}, ("text", None, "label")),
    ({"note": texts("n"), "text": texts("t"), "label": labels("a", "b")}, ("text", None, "label")),
]


@pytest.mark.parametrize(("columns", "expected"), CASES)
def test_found(columns: dict[str, list[str]], expected: tuple[str, str | None, str], tmp_path: Path) -> None:
    found, notes = infer(tmp_path, columns)
    assert (found.text, found.text_pair, found.label) == expected
    assert len(notes) == 2


def test_each_guess_says_what_why_and_how_to_override(tmp_path: Path) -> None:
    _, notes = infer(tmp_path, {"mail": texts(), "intent": labels("a", "b", "c")})
    assert notes == [
        'text column: "mail" (the longest texts, 24 characters on average; override with --text COL)',
        'label column: "intent" (named so; 3 distinct values in 40 rows; override with --label COL)',
    ]


def test_what_the_user_names_is_not_guessed(tmp_path: Path) -> None:
    columns = {"text": texts(), "text_pair": texts("b"), "label": labels("a", "b"), "queue": labels("x", "y")}
    assert infer(tmp_path, columns, Wanted(text="text", label="queue")) == (Columns(text="text", label="queue"), [])
    found, notes = infer(tmp_path, columns, Wanted(text_pair="text_pair"))
    assert (found.text, found.text_pair, len(notes)) == ("text", "text_pair", 2)
    assert infer(tmp_path, {"text": texts()}, Wanted(label_needed=False))[0] == Columns(text="text")


def test_doubt_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='2 columns could be the label: "queue", "team"'):
        infer(tmp_path, {"mail": texts(), "queue": labels("x", "y"), "team": labels("u", "v")})
    with pytest.raises(DataError, match="2 columns could be the text"):
        infer(tmp_path, {"mail": texts("a"), "reply": texts("b"), "label": labels("x", "y")})
