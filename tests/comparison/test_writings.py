"""Written texts beside their references: differences by words in any script, long ones shortened, failures and typical rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from leantune.comparison.inspect import TYPICAL, WORST, RowText, inspect
from leantune.comparison.writings import SOURCE, parts, writing
from leantune.core import catalogue
from leantune.core.records import Inspection
from leantune.core.shown import Piece, shortened
from leantune.evaluate.predictions import Predictions


def shown(pieces: list[Piece]) -> list[tuple[str, str]]:
    return [(piece.kind, piece.text) for piece in pieces]


@pytest.mark.parametrize(
    "text", ["A dog's café, 北京 2008年。", "मैं घर जा रहा हूँ।", "كَتَبَ الوَلَدُ", "ผู้ชายไป", "", "  two\n lines ", "e\u0301t\u00e9 \u200dx"]
)
def test_parts_joined_are_the_text_and_no_accent_stands_alone(text: str) -> None:
    import unicodedata

    found = parts(text)
    assert "".join(found) == text
    assert not any(unicodedata.category(part[0])[0] == "M" for part in found)


def test_words_that_differ_are_marked_on_both_sides() -> None:
    one = writing(3, "Ein großer Hund.", ["A big old dog.", "A cat."], "A big red dog.", 0.5)
    assert shown(one.output) == [("plain", "A big "), ("predicted", "red"), ("plain", " dog.")], "against the closest reference"
    assert [shown(reference) for reference in one.references] == [
        [("plain", "A big "), ("gold", "old"), ("plain", " dog.")],
        [("plain", "A "), ("gold", "cat"), ("plain", ".")],
    ]
    assert shown(writing(1, "a", ["x y z."], "x.", 0).references[0]) == [("plain", "x "), ("gold", "y z"), ("plain", ".")]


def test_chinese_differs_by_letters_and_arabic_by_words() -> None:
    assert shown(writing(1, "", ["我在北京"], "我在南京", 0).output) == [("plain", "我在"), ("predicted", "南"), ("plain", "京")]
    assert shown(writing(1, "", ["ذهب الولد"], "ذهب البنت", 0).output) == [("plain", "ذهب "), ("predicted", "البنت")]


def test_nothing_written_marks_the_whole_reference() -> None:
    one = writing(1, "a", ["b c"], "", 0.0)
    assert (one.output, shown(one.references[0])) == ([], [("gold", "b c")])


def test_a_long_source_is_cut_in_the_middle_and_says_by_how_much() -> None:
    text = " ".join(f"word{number}" for number in range(1000))
    first, note, last = writing(1, text, ["a"], "a", 1.0).source
    assert text.startswith(first.text)
    assert text.endswith(last.text)
    assert note.kind == "cut"
    assert f"{len(text) - len(first.text) - len(last.text):,}" in note.text
    assert len(first.text) + len(last.text) <= SOURCE
    assert (first.text.split()[-1] in text.split(), last.text.split()[0] in text.split()) == (True, True), "no word is cut"
    assert shortened([Piece(text="字" * 900)], 800)[0].text == "字" * 400


def test_colours_survive_the_cut() -> None:
    pieces = [Piece(text="a" * 100, kind="gold"), Piece(text="b" * 1000), Piece(text="c" * 100, kind="learned")]
    assert [(piece.kind, len(piece.text)) for piece in shortened(pieces, 300) if piece.kind != "cut"] == [
        ("gold", 100),
        ("plain", 50),
        ("plain", 50),
        ("learned", 100),
    ]


def _translations(rows: int) -> Inspection:
    outputs = ["A dog runs." if row % 3 else f"nothing {row}" for row in range(rows)]
    found = Predictions([["A dog runs.", "One dog runs."]] * rows, outputs, np.ones(rows))
    return inspect("lora", catalogue.load("tasks", "translation"), found, ["text"], lambda place: RowText(place + 1, f"Satz {place}"))


def test_failures_and_typical_rows_are_shown_with_every_score() -> None:
    seen = _translations(300)
    assert [one.row for one in seen.typical] == np.linspace(1, 300, TYPICAL, dtype=int).tolist()
    assert len(seen.worst) == WORST
    assert all((one.row - 1) % 3 == 0 for one in seen.worst), "right rows are no failures"
    assert max(one.chrf for one in seen.worst) < 0.5 < max(one.chrf for one in seen.typical)
    assert seen.mistakes == []
    assert {"bleu", "chrf", "rouge1", "rouge2", "rougeL", "exact"} == set(seen.scores)
    assert seen.scores["exact"] == pytest.approx(2 / 3)
    assert len(_translations(3).typical) == 3


def test_a_conversation_reads_as_who_said_what() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Bye"}]
    found = Predictions([["Bye!"]], ["Bye."], np.ones(1))
    seen = inspect("lora", catalogue.load("tasks", "chat"), found, ["text"], lambda _: RowText(1, json.dumps(turns)))
    assert seen.typical[0].source[0].text == "user: Hi\nassistant: Yes?\nuser: Bye"


def test_a_language_model_tells_perplexity_beside_likelihood() -> None:
    found = Predictions([0, 0], [[np.log(4.0) * 3, 3.0, 1.0], [np.log(4.0), 1.0, 1.0]], np.array([0.25, 0.25]))
    seen = inspect("full", catalogue.load("tasks", "causal_lm"), found, ["token"], lambda place: RowText(place + 1, "some text"))
    assert seen.scores["likelihood"] == pytest.approx(0.25)
    assert seen.errors == pytest.approx({"perplexity": 4.0})
    empty = Predictions([0], [[0.0, 0.0, 0.0]], np.ones(1))
    assert inspect("full", catalogue.load("tasks", "causal_lm"), empty, ["token"], lambda _: RowText(1, "")).errors == {}
