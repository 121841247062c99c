"""A case for each task: made-up rows that a tiny model can learn, and what is expected of it on them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

FILLER = ["the", "movie", "was", "a", "book", "day", "food", "very", "this"]
Row = dict[str, Any]


def filler(draw: random.Random, most: int = 4) -> list[str]:
    return draw.sample(FILLER, draw.randint(1, most))


def tagging_row(draw: random.Random) -> Row:
    """A bank has two words, a card one; spelled words stand between; every tenth row is far too long for one piece."""
    words, tags = [], []
    for _ in range(14 if draw.random() < 0.1 else draw.randint(1, 2)):
        for part, marks in (
            (filler(draw), None),
            draw.choice([(["red", "bank"], ["B-ORG", "I-ORG"]), (["card"], ["B-ITEM"]), (["u.s."], ["O"])]),
        ):
            words += part
            tags += marks or ["O"] * len(part)
    return {"tokens": words, "tags": tags}


VALUES = {"great": 2.25, "good": 1.5, "fine": 0.25, "bad": -1.25, "worst": -2.5}
LEVELS = {"worst": "1 star", "bad": "2 stars", "fine": "3 stars", "good": "4 stars", "best": "10 stars"}
REASONS = {"late": "delay", "money": "price", "lost": "loss"}


def regression_row(draw: random.Random) -> Row:
    words = [*filler(draw), *draw.sample(list(VALUES), 2)]
    return {"text": " ".join(words), "score": round(sum(VALUES.get(word, 0.05) for word in words), 2)}


def ordinal_row(draw: random.Random) -> Row:
    word = draw.choice(list(LEVELS))
    return {"text": " ".join([*filler(draw), word]), "stars": LEVELS[word]}


def multilabel_row(draw: random.Random) -> Row:
    telling = [word for word in REASONS if draw.random() < 0.5]
    words = [*filler(draw), *telling]
    draw.shuffle(words)
    return {"text": " ".join(words), "label": [REASONS[word] for word in telling]}


def answering_row(draw: random.Random) -> Row:
    """A card with its colour and a bank with its number; now and then the one that is asked for has none. Some texts are long."""
    asked, words, right = draw.choice(["card", "bank"]), list[str](), {}
    for thing in draw.sample(["card", "bank"], 2):
        words += [*filler(draw) * (10 if draw.random() < 0.05 else 1), thing]
        if draw.random() < 0.85:
            right[thing] = draw.choice(["red", "blue"] if thing == "card" else ["one", "two", "three"])
            words.append(right[thing])
    context = " ".join(words)
    texts = [right[asked]] if asked in right else []
    return {
        "question": f"where {asked}",
        "context": context,
        "answers": {"text": texts, "answer_start": [context.index(f"{asked} {text}") + len(asked) + 1 for text in texts]},
    }


def ranking_row(draw: random.Random) -> Row:
    """About four candidates for each question; good words answer."""
    word, label = draw.choice(
        [("good", "answer"), ("great", "answer"), ("bad", "not_answer"), ("sad", "not_answer"), ("poor", "not_answer")]
    )
    words = [*filler(draw), word, *filler(draw)]
    return {"question": f"what {draw.randrange(60)}", "answer": " ".join(words), "label": label}


def relation_row(draw: random.Random) -> Row:
    """What is done to what, the doer before or behind."""
    verb, kind = draw.choice([("paid", "Payer-Payee({})"), ("lost", "Owner-Loss({})"), ("hate", "Other")])
    doer, other = draw.sample(["card", "bank", "book", "movie"], 2)
    parts = [f"<e1>{doer}</e1>", verb, f"<e2>{other}</e2>"]
    way = draw.choice(["e1,e2", "e2,e1"])
    return {"text": " ".join([*filler(draw), *(parts if way == "e1,e2" else parts[::-1])]), "label": kind.format(way)}


def roles_row(draw: random.Random) -> Row:
    """Two things are done; the roles of the one that is asked for stand before and behind it."""
    words, tags, places = list[str](), list[str](), list[int]()
    asked, verbs = draw.randrange(2), draw.sample(["paid", "lost"], 2)
    for part, verb in enumerate(verbs):
        own = [*filler(draw, 2), "card", verb, "red", "one"]
        places.append(len(words) + len(own) - 3)
        words += own
        tags += ["O"] * (len(own) - 4) + (["B-A0", "B-V", "B-A1", "I-A1"] if part == asked else ["O"] * 4)
    return {"tokens": words, "predicate_index": places[asked], "tags": tags}


def arguments_row(draw: random.Random) -> Row:
    """As roles, of a trigger of two words; its span ends behind the last one."""
    found = roles_row(draw)
    place = found.pop("predicate_index")
    tags = ["O" if tag == "B-V" else tag for tag in found["tags"]]
    return {"tokens": found["tokens"], "trigger": [place, place + 2], "tags": tags}


def choice_row(draw: random.Random) -> Row:
    """The thing that is asked for, in its colour, among two to four options; some texts are far too long."""
    thing, colour = draw.choice(["card", "bank"]), draw.choice(["red", "blue"])
    others = [f"{other} {one}" for other in ("card", "bank") for one in ("red", "blue") if (other, one) != (thing, colour)]
    options = [f"{thing} {colour}", *draw.sample(others, draw.randint(1, 3))]
    draw.shuffle(options)
    words = [*filler(draw) * (12 if draw.random() < 0.05 else 1), thing, colour]
    return {"question": " ".join(words), "choices": options, "answer": "ABCD"[options.index(f"{thing} {colour}")]}


@dataclass(frozen=True)
class Case:
    """A task, its rows and what shall be predicted for some of them."""

    row: Callable[[random.Random], Row]
    inputs: list[Any]
    answers: list[Any]
    needed: float
    options: dict[str, Any]

    def rows(self, number: int, seed: int = 0) -> list[Row]:
        """Different rows."""
        draw, made = random.Random(seed), dict[str, Row]()
        while len(made) < number:
            row = self.row(draw)
            made[json.dumps(row)] = row
        return list(made.values())


CASES = {
    "tagging": Case(
        tagging_row,
        [["the", "card", "was", "a", "red", "bank"], ["u.s.", "food"], ["a"] * 60 + ["red", "bank", "card"]],
        [["O", "B-ITEM", "O", "O", "B-ORG", "I-ORG"], ["O", "O"], ["O"] * 60 + ["B-ORG", "I-ORG", "B-ITEM"]],
        0.95,
        {"max_length": 32},
    ),
    "roles": Case(
        roles_row,
        [
            (["the", "card", "paid", "red", "one", "food", "card", "lost", "red", "one"], 2),
            (["the", "card", "paid", "red", "one", "food", "card", "lost", "red", "one"], [7]),
        ],
        [
            ["O", "B-A0", "B-V", "B-A1", "I-A1", "O", "O", "O", "O", "O"],
            ["O", "O", "O", "O", "O", "O", "B-A0", "B-V", "B-A1", "I-A1"],
        ],
        0.9,
        {"max_length": 32},
    ),
    "arguments": Case(
        arguments_row,
        [(["the", "card", "paid", "red", "one", "food", "card", "lost", "red", "one"], [2, 4])],
        [["O", "B-A0", "O", "B-A1", "I-A1", "O", "O", "O", "O", "O"]],
        0.9,
        {"max_length": 32},
    ),
    "multilabel": Case(
        multilabel_row,
        ["the food was late", "this day", "lost a book money"],
        [["delay"], [], ["loss", "price"]],
        0.95,
        {},
    ),
    "ordinal": Case(
        ordinal_row,
        ["the food was worst", "a day very best", "this book fine"],
        ["1 star", "10 stars", "3 stars"],
        0.9,
        {"task": "ordinal", "label": "stars"},
    ),
    "regression": Case(
        regression_row,
        ["the food great good", "a day worst bad"],
        [pytest.approx(3.75, abs=1.0), pytest.approx(-3.75, abs=1.0)],
        0.9,
        {},
    ),
    "answering": Case(
        answering_row,
        [
            ("where card", "the card blue was a bank one"),
            ("where bank", "the card blue was a bank one"),
            ("where bank", "a day card red the book was bank"),
            ("where card", f"{'the movie was very ' * 15}card red {'a food day ' * 10}bank three"),
            ("where card", ""),
        ],
        ["blue", "one", "", "red", ""],
        0.9,
        {"max_length": 32},
    ),
    "ranking": Case(
        ranking_row,
        [("what 3", "the food was great a day"), ("what 3", "a day sad this"), ("what 61", "good")],
        [pytest.approx(1.0, abs=0.3), pytest.approx(0.0, abs=0.3), pytest.approx(1.0, abs=0.3)],
        0.9,
        {"task": "ranking"},
    ),
    "choice": Case(
        choice_row,
        [
            ("the movie card red", ["bank red", "card red", "card blue"]),
            (f"{'a food day ' * 15}bank blue", ["bank blue", "bank red"]),
            ("was bank red", ["card blue", "bank blue", "card red", "bank red"]),
        ],
        ["card red", "bank blue", "bank red"],
        0.9,
        {"max_length": 32},
    ),
    "relation": Case(
        relation_row,
        ["the <e1>card</e1> paid <e2>book</e2>", "food was <e2>bank</e2> lost <e1>movie</e1>", "a day <e2>book</e2> hate <e1>bank</e1>"],
        ["Payer-Payee(e1,e2)", "Owner-Loss(e2,e1)", "Other"],
        0.9,
        {},
    ),
}
MEASURED = ("regression", "ranking")
"""The answer is a number."""
TEXTS = ("ordinal", "relation", "answering", "choice")
"""The answer is a text."""
