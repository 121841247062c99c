"""What a consensus says, by hand: weights, temperature, who sits on its panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from leantune.kinds.method import parse_method
from leantune.kinds.teacher import Extra, Opinion
from leantune.teachers.consensus import Consensus

LIKELY = [np.log([[0.8, 0.2], [0.4, 0.6]]).astype(np.float32), np.log([[0.5, 0.5], [0.1, 0.9]]).astype(np.float32)]


@dataclass
class Made:
    """Two views with fixed opinions."""

    each: int
    before: tuple[float, float] = (0.9, 0.3)
    seed: int = 13
    later: tuple[str, ...] = ("one", "two")

    @property
    def labelled(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.array([self.each, self.each + 1])

    def opinions(self, extras: Sequence[Extra] = ()) -> list[Opinion]:
        return [Opinion(name, likely, before) for name, likely, before in zip(("one", "two"), LIKELY, self.before, strict=True)]


def by_hand(weights: tuple[float, float], temperature: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    raised = np.prod([np.exp(likely) ** (weight / temperature) for likely, weight in zip(LIKELY, weights, strict=True)], axis=0)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("made", "weights"),
    [
        (Made(7), (0.5, 0.5)),
        (Made(8), (0.75, 0.25)),
        (Made(16, (0.0, 0.0)), (0.5, 0.5)),
    ],
)
def test_views_count_alike_with_few_rows_and_by_what_they_knew_before_with_more(made: Made, weights: tuple[float, float]) -> None:
    lesson = Consensus().teach(made)
    np.testing.assert_allclose(lesson.soft, by_hand(weights, 2.0), rtol=1e-5)
    assert f"one (weight {weights[0]:.2f}); two (weight {weights[1]:.2f})" in lesson.notes[0]


def test_the_temperature_flattens_and_agreement_is_told() -> None:
    lesson = Consensus(temperature=5).teach(Made(1))
    np.testing.assert_allclose(lesson.soft, by_hand((0.5, 0.5), 5.0), rtol=1e-5)
    assert lesson.temperature == 5
    assert lesson.notes[1] == "all 2 views agree on 100.0 % of 2 unlabelled rows"


def test_an_expression_with_a_teacher_reads_back() -> None:
    parsed = parse_method("consensus(views=['anchors | prototypes', head], temperature=3) | cloze(template=2) | lora(rank=4, lr=0.001)")
    assert parsed.teacher == Consensus(views=("anchors | prototypes", "head"), temperature=3)
    assert parse_method(parsed.name) == parsed
    assert parsed.training == {"lr": 0.001}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("consensus", r"is a teacher\. Say what is trained: consensus \| lora"),
        ("consensus | consensus | head", r"links stand in the order teacher \| prompt"),
        ("cloze | consensus | head", r"links stand in the order teacher \| prompt"),
        ("consensus | cloze", r"is a prompt\. Say what is trained: cloze \| lora"),
        ("consensus(views=[loraa]) | head", r'no method "loraa"\. Closest: "lora"'),
        ("consensus(views=['consensus | head']) | head", "has a teacher of its own"),
        ("consensus(temperature=0) | head", "greater than 0"),
        ("consensus(generations=0) | head", "greater than or equal to 1"),
        ("consensus(growth=1) | head", "greater than 1"),
        ("consensus(view=[head]) | head", r'no option "view"\. Closest: "views"'),
    ],
)
def test_slips_are_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_method(text)
