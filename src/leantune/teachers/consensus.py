"""Consensus: several views of few labelled rows judge many unlabelled ones together, and a student learns from that.

    z = sum over views v of  w_v log p_v(x)       p = softmax(z / T)
    student: T^2 KL(p || softmax(logits / T)) on unlabelled rows, cross-entropy on labelled ones, every row with the same weight

A view is a method behind a prompt with one template; each is trained on the labelled rows alone. Weights w_v sum to 1: equal where a label
has fewer than 8 rows, else in proportion to the share of labelled rows that a view answers rightly before it is trained.

Reference: Schick and Schuetze 2021, arXiv:2001.07676 (PET).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator
from pydantic_core import PydanticCustomError

from leantune.core.errors import LeantuneError
from leantune.core.human import percent
from leantune.core.link import LinkCard
from leantune.data.few_shot import FEWEST
from leantune.kinds.method import parse_method
from leantune.kinds.teacher import Lesson, Opinion, School, Teacher, View

if TYPE_CHECKING:
    from leantune.kinds.prompt import Setting

SENTENCES = ("anchors | prototypes", "anchors | logistic")
"""Views where none is given: of a sentence encoder ..."""
WORDS = ("cloze | full",)
"""... and of a base that is asked for words."""
UNTRAINED = {SENTENCES: ("anchors(words=given) | frozen",), WORDS: ("cloze | frozen",)}
"""The same without any labelled row."""


class Consensus(Teacher):
    """Average several views."""

    views: tuple[str, ...] = ()
    """Method expressions; those of the base's kind where none is given. Behind a prompt each stands with every template for itself."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Consensus of several views",
        paper="Schick and Schuetze 2021, arXiv:2001.07676",
        when="few labelled rows and many unlabelled ones (--unlabelled): what several prompts agree on is taught to one model",
    )

    @field_validator("views")
    @classmethod
    def _readable(cls, views: tuple[str, ...]) -> tuple[str, ...]:
        for view in views:
            try:
                found = parse_method(view)
            except LeantuneError as error:
                raise PydanticCustomError("view", "{said}", {"said": error.message}) from None
            if found.teacher is not None:
                raise PydanticCustomError(
                    "view", '"{view}" has a teacher of its own; a view learns from the labelled rows alone', {"view": view}
                )
        return views

    def panel(self, setting: Setting, *, labelled: bool) -> list[View]:
        """Every method with every template of its prompt."""
        usual = WORDS if setting.base.pooling == "stock" else SENTENCES
        found = []
        for expression in self.views or (usual if labelled else UNTRAINED[usual]):
            prompt = parse_method(expression).prompt
            for wording in [setting.wording] if prompt is None else prompt.apart(setting):
                found.append(View(expression, wording))
        return found

    def teach(self, school: School) -> Lesson:
        """Average the log-probabilities of the views."""
        opinions = school.opinions()
        weights = _weights(opinions, school.each)
        likely = sum(weight * one.likely.astype(np.float64) for weight, one in zip(weights, opinions, strict=True)) / self.temperature
        soft = np.exp(likely - np.max(likely, axis=1, keepdims=True))
        soft /= soft.sum(axis=1, keepdims=True)
        return Lesson(soft.astype(np.float32), self.temperature, _notes(opinions, weights))


def _weights(opinions: Sequence[Opinion], each: int) -> NDArray[np.float64]:
    """(views,) that sum to 1."""
    before = np.array([one.before for one in opinions])
    if each < FEWEST or not before.any():
        before = np.ones(len(opinions))
    found: NDArray[np.float64] = before / before.sum()
    return found


def _notes(opinions: Sequence[Opinion], weights: NDArray[np.float64]) -> list[str]:
    answers = np.stack([one.likely.argmax(axis=1) for one in opinions])
    agreed = float((answers == answers[0]).all(axis=0).mean())
    named = "; ".join(f"{one.name} (weight {weight:.2f})" for one, weight in zip(opinions, weights, strict=True))
    return [
        f"views of the consensus: {named}",
        f"all {len(opinions)} views agree on {percent(agreed)} of {answers.shape[1]:,} unlabelled rows",
    ]


MEMBER = Consensus
