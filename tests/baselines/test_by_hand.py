"""Floors against examples that are counted by hand."""

from __future__ import annotations

from collections import Counter
from math import log
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leantune.baselines.overlap import LENGTHS, Rarity, Reader
from leantune.core import catalogue
from leantune.data.dataset import prepare
from leantune.kinds.baseline import Floor, Material


def fit(name: str, gold: str, splits: Any, labels: int) -> Floor:
    floor: Floor = catalogue.load("baselines", name).fit(Material(splits, gold, labels, lambda split: np.zeros(0), 0))
    return floor


def test_words_get_their_most_frequent_tag_and_unknown_ones_the_commonest() -> None:
    """The word may is a 1 twice and a 2 once; 0 is the tag of most words."""
    train = SimpleNamespace(words=[["may", "may", "go"], ["may", "the", "the"]], gold=[[1, 2, 0], [1, 0, 0]])
    dev = SimpleNamespace(words=[["the", "may", "unknown"], ["go"]])
    assert fit("majority", "tags", {"train": train, "dev": dev}, 3).predict("dev").predicted == [[0, 1, 0], [0]]


RARITY = Rarity(3, Counter({"the": 3, "tower": 2, "built": 1, "by": 3, "in": 3, "king": 1}))
TEXT = "The tower is high. A king built the tower in 1931 with stones. The river is long."


def test_the_sentence_with_the_rarest_words_and_the_words_beside_them() -> None:
    """The words weigh: the 0, tower log(4/3), built log(4/2), when and was log(4/1) each; the second sentence has tower and built.

    In it built is word 2 and tower word 4. "A king" is 1 and 3 away: log(2)/2 + log(4/3)/4 = 0.42; "in 1931" is 3 and 1: 0.32.
    """
    said, share = Reader(RARITY, 2).answer("When was the tower built?", TEXT)
    assert said == "A king"
    assert share == pytest.approx((log(4 / 3) + log(2)) / (log(4 / 3) + log(2) + 2 * log(4)))
    assert Reader(RARITY, LENGTHS[-1]).answer("When was the tower built?", TEXT)[0] == "A king built the tower in 1931 with stones."


def test_too_few_shared_words_are_no_answer() -> None:
    assert Reader(RARITY, 1, least=0.5).answer("Who sings?", TEXT) == ("", 0.0)
    assert Reader(RARITY, 1).answer("", TEXT)[0] == "The"
    assert Reader(RARITY, 1).answer("Who?", "")[0] == ""


def test_letters_of_chinese_are_words() -> None:
    rarity = Rarity(2, Counter({"\u5728": 2}))
    question, text = "\u5854\u5728\u54ea\u91cc\uff1f", "\u6cb3\u5f88\u957f\u3002\u5854\u5728\u5317\u4eac\u3002"
    assert Reader(rarity, 2).answer(question, text)[0] == "\u5317\u4eac"


@pytest.mark.parametrize("silent", [0, 30])
def test_length_and_silence_are_learned(silent: int, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": f"where is item{number}?", "context": f"Rain fell. item{number} big red box. Sun came.", "answers": "big red box"}
        for number in range(120)
    ]
    for row in rows[:silent]:
        row["question"], row["answers"] = "who sang yesterday?", None
    dataset = prepare(rows, tmp_path, task="answering", label="answers")
    test = dataset.splits["test"]
    expected = [gold[0]["text"] if gold else "" for gold in test.gold]
    assert fit("overlap", "spans", dataset.splits, len(dataset.labels)).predict("test").predicted == expected
    assert ("" in expected) == bool(silent)
