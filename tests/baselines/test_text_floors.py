"""Floors that write texts, on rows made by hand."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leantune.baselines import nearest
from leantune.baselines.lead import lead
from leantune.core import catalogue
from leantune.kinds.baseline import Floor, Material


class Rows(SimpleNamespace):
    """Texts with their references."""

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, places: Any) -> list[tuple[str, None]]:
        return [(self.texts[place], None) for place in places]


TRAIN = Rows(
    texts=["a black dog runs", "a white cat sleeps", "two men play guitar", "the the a"],
    gold=[["ein Hund", "x"], ["eine Katze"], ["zwei Musiker"], ["nichts"]],
)
TEST = Rows(texts=["The cat is white", "A dog, a dog", "guitar!", "unknown words"], gold=[["a"]] * 4)


def fit(name: str, train: Any = TRAIN, test: Any = TEST, gold: str = "text") -> Floor:
    floor: Floor = catalogue.load("baselines", name).fit(Material({"train": train, "test": test}, gold, 1, lambda split: np.zeros(0), 0))
    return floor


def test_the_source_as_it_is() -> None:
    floor = fit("copy")
    assert floor.predict("test").predicted == TEST.texts
    assert floor.saved_bytes == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.  Two is 2.5! Three?\nFour. Five.", "One.  Two is 2.5! Three?"),
        ("A: Hello\nB: Hi\n\nA: Bye\nB: Bye", "A: Hello\nB: Hi\n\nA: Bye"),
        ("你好。我很好！你呢？再见。", "你好。我很好！你呢？"),
        ("no full stop", "no full stop"),
        (" \n Two lines\n before", "Two lines\n before"),
        ("", ""),
    ],
)
def test_the_first_three_sentences(text: str, expected: str) -> None:
    assert lead(text, 3).strip() == expected


def test_the_lead_is_as_long_as_targets_are() -> None:
    train = Rows(texts=["One. Two. Three. Four."] * 3, gold=[["A. B.", "x"], ["A. B."], ["A."]])
    floor = fit("lead", train, Rows(texts=["Five! Six! Seven!"], gold=[["a"]]))
    assert floor.predict("test").predicted == ["Five! Six!"]


@pytest.mark.parametrize(("text", "apart"), [("One. Two. Three.", True), ("Only one.", False), ("", False)])
def test_a_lead_that_would_be_the_whole_source_is_left_out(text: str, apart: bool) -> None:
    train = Rows(texts=[text] * 3, gold=[["A."]] * 3)
    assert catalogue.load("baselines", "lead").stands_apart({"train": train}) is apart


def test_lead_is_a_floor() -> None:
    assert fit("lead", test=Rows(texts=["A. B. C. D.", "E"])).predict("test").predicted == ["A.", "E"]


def test_the_answer_to_the_most_similar_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "BLOCK", 3)
    found = fit("nearest").predict("test")
    assert found.predicted[:3] == ["eine Katze", "ein Hund", "zwei Musiker"]
    assert len(found.predicted) == 4
    assert found.confidence[3] == 0
    assert (found.confidence[:3] > 0.3).all()


def test_chinese_is_compared_by_letters() -> None:
    train = Rows(texts=["一只黑狗在跑", "白猫在睡觉"], gold=[["dog"], ["cat"]])
    assert fit("nearest", train, Rows(texts=["那只猫睡了", "狗"])).predict("test").predicted == ["cat", "dog"]


def test_replies_are_found_by_what_was_said() -> None:
    """The long turn holds the role's own name, which must not count."""
    talks = [[{"role": "user", "content": said}] for said in ("content role user", "Where is my card?")]
    train = Rows(texts=list(map(json.dumps, talks)), gold=[["odd"], ["In the post."]])
    asked = json.dumps([{"role": "system", "content": "Help."}, {"role": "user", "content": "my card"}])
    found = fit("nearest", train, Rows(texts=[asked]), "reply").predict("test")
    assert found.predicted == ["In the post."]


def test_long_files_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "MOST_ROWS", 2)
    floor = fit("nearest")
    assert set(floor.predict("train").predicted) <= {row[0] for row in TRAIN.gold}
    assert len(set(floor.predict("train").predicted)) <= 2
