"""What is shown of the predictions of one method: the worst mistakes with their colours, the worst questions."""

from __future__ import annotations

import numpy as np
import pytest

from leantune.comparison.inspect import RowText, inspect
from leantune.core import catalogue
from leantune.core.excerpt import AROUND, LEFT_OUT, excerpt
from leantune.evaluate.predictions import Predictions


def test_inspection_shows_the_most_confident_mistakes() -> None:
    found = Predictions(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0.9, 0.6, 0.8, 0.99]))
    seen = inspect(
        "head",
        catalogue.load("tasks", "classification"),
        found,
        ["no", "yes"],
        lambda position: RowText(position + 11, f"text {position}"),
        most=1,
    )
    assert seen.confusion == [[1, 1], [1, 1]]
    assert [(mistake.row, mistake.text, mistake.gold, mistake.predicted) for mistake in seen.mistakes] == [(13, "text 2", "yes", "no")]
    assert seen.per_label[1]["f1"] == 0.5


def test_a_relation_shows_its_two_things() -> None:
    text = "So <e2>rain</e2> made the\n<e1>flood</e1>."
    found = Predictions(np.array([0]), np.array([1]), np.array([0.9]))
    seen = inspect("head", catalogue.load("tasks", "relation"), found, ["Other", "R(e1,e2)"], lambda position: RowText(1, text))
    pieces = [(piece.kind, piece.text) for piece in seen.mistakes[0].pieces]
    assert pieces == [("plain", "So "), ("second", "rain"), ("plain", " made the\n"), ("first", "flood"), ("plain", ".")]


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ("big fire", [("plain", "A "), ("predicted", "big "), ("both", "fire"), ("plain", " by lightning.")]),
        ("lightning", [("plain", "A big "), ("gold", "fire"), ("plain", " by "), ("predicted", "lightning"), ("plain", ".")]),
        ("", [("plain", "A big "), ("gold", "fire"), ("plain", " by lightning.")]),
    ],
)
def test_an_answer_is_shown_in_its_text(predicted: str, expected: list[tuple[str, str]]) -> None:
    found = Predictions([[{"start": 6, "text": "fire"}]], [predicted], np.array([0.9]))
    row = RowText(1, "What?", "A big fire by lightning.")
    seen = inspect("head", catalogue.load("tasks", "answering"), found, ["start", "end"], lambda position: row)
    assert [(piece.kind, piece.text) for piece in seen.mistakes[0].pieces] == expected


def test_a_long_text_is_cut_to_what_there_is_to_see() -> None:
    text = "a" * 500 + "GOLD" + "b" * 500 + "SAID" + "c" * 500
    pieces = excerpt(text, {"gold": (500, 504), "predicted": (1004, 1008)})
    kinds = [(piece.kind, piece.text if len(piece.text) < 9 else len(piece.text)) for piece in pieces]
    left = ("plain", LEFT_OUT)
    plain = ("plain", AROUND)
    assert kinds == [left, plain, ("gold", "GOLD"), plain, left, plain, ("predicted", "SAID"), plain, left]
    words = excerpt("word " * 50 + "GOLD" + " word" * 50, {"gold": (250, 254)})
    assert [piece.text.strip() for piece in words] == ["…", ("word " * 23).strip(), "GOLD", ("word " * 23).strip(), "…"]
    assert [piece.text for piece in excerpt("short", {"gold": (0, 0), "predicted": (0, 0)})] == ["short"]


def test_the_worst_questions_are_shown_in_the_order_of_the_model() -> None:
    """Question 0: the relevant one is last of nine. Question 1 is right, question 2 has nothing relevant."""
    gold = [[0, int(place == 3)] for place in range(9)] + [[1, 1], [1, 0], [2, 0]]
    scores = np.array([0.9, 0.8, 0.7, 0.0, 0.6, 0.5, 0.4, 0.3, 0.2, 0.9, 0.1, 0.5])
    found = Predictions(gold, scores, scores)
    seen = inspect(
        "head", catalogue.load("tasks", "ranking"), found, ["label"], lambda row: RowText(row + 1, f"q{gold[row][0]}", f"answer {row}")
    )
    (group,) = seen.rankings
    assert (group.text, group.size, round(group.score, 4)) == ("q0", 9, 0.1111)
    assert [(one.place, one.row, one.text, one.relevant) for one in group.candidates] == [
        *((place, row + 1, f"answer {row}", False) for place, row in enumerate([0, 1, 2, 4, 5], 1)),
        (9, 4, "answer 3", True),
    ]
