"""Consensus: several views of few labelled rows judge many unlabelled ones together, and a student learns from that.

    z = sum over views v of  w_v log p_v(x)       p = softmax(z / T)
    student: T^2 KL(p || softmax(logits / T)) on unlabelled rows, cross-entropy on labelled ones, every row with the same weight

A view is a method behind a prompt with one template; each is trained on the labelled rows alone. Weights w_v sum to 1: equal where a label
has fewer than 8 rows, else in proportion to the share of labelled rows that a view answers rightly before it is trained.

With `generations=3` the views are trained three times, from the second time on on rows that other views labelled too (iPET).

Reference: Schick and Schuetze 2021, arXiv:2001.07676 (PET, iPET).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from leantune.core.errors import LeantuneError
from leantune.core.human import percent
from leantune.core.link import LinkCard
from leantune.data.few_shot import FEWEST
from leantune.kinds.method import parse_method
from leantune.kinds.teacher import Lesson, Opinion, School, Teacher, View
from leantune.teachers._generations import Growth, others, told

if TYPE_CHECKING:
    from leantune.kinds.prompt import Setting

SENTENCES = ("anchors | prototypes", "anchors | logistic")
"""Views where none is given: of a sentence encoder ..."""
WORDS = ("cloze | full",)
"""... and of a base that is asked for words."""
UNTRAINED = {SENTENCES: ("anchors(words=given) | frozen",), WORDS: ("cloze | frozen",)}
"""The same without any labelled row ..."""
SEEDED = {SENTENCES: ("anchors(words=given) | prototypes", "anchors(words=given) | logistic"), WORDS: WORDS}
"""... and in later generations then, when others have labelled some."""


class Consensus(Teacher):
    """Average several views."""

    views: tuple[str, ...] = ()
    """Method expressions; those of the base's kind where none is given. Behind a prompt each stands with every template for itself.
    Without a labelled row those of the first of several generations are the usual ones, and these the views of the others."""
    generations: int = Field(default=1, ge=1, le=10)
    """How often the views are trained; from the second time on other views label rows for each (iPET)."""
    growth: float = Field(default=5.0, gt=1)
    """Their training rows become so many times more in each generation."""

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
        usual = _usual(setting)
        if labelled:
            return _apart(self.views or usual, setting)
        return _apart(self.views if self.views and not self.after else UNTRAINED[usual], setting)

    def later(self, setting: Setting, *, labelled: bool) -> list[View]:
        """Those that are trained, where the first ones were not."""
        return _apart(self.views or SEEDED[_usual(setting)], setting) if self.after and not labelled else []

    @property
    def after(self) -> int:
        """Generations after the first one."""
        return self.generations - 1

    def teach(self, school: School) -> Lesson:
        """Average the log-probabilities of the views of the last generation."""
        opinions, notes, each = school.opinions(), list[str](), int(school.labelled.min())
        growth = Growth(school.labelled, self.growth, school.seed)
        for generation in range(2, self.generations + 1):
            names, extras = [one.name for one in opinions], []
            for place, name in enumerate(school.later):
                random = growth.random(generation, place)
                asked = [opinions[other] for other in others(names, name, random)]
                extras.append(growth.extra(_mean(asked, _weights(asked, each)), generation, random))
            notes.append(told(generation, extras, growth.wanted(generation), _agreement(opinions)))
            opinions = school.opinions(extras)
        weights = _weights(opinions, each)
        likely = _mean(opinions, weights) / self.temperature
        soft = np.exp(likely - np.max(likely, axis=1, keepdims=True))
        soft /= soft.sum(axis=1, keepdims=True)
        return Lesson(soft.astype(np.float32), self.temperature, [*notes, *_notes(opinions, weights)])


def _usual(setting: Setting) -> tuple[str, ...]:
    return WORDS if setting.base.pooling == "stock" else SENTENCES


def _apart(expressions: Sequence[str], setting: Setting) -> list[View]:
    """Every method with every template of its prompt."""
    found = []
    for expression in expressions:
        prompt = parse_method(expression).prompt
        for wording in [setting.wording] if prompt is None else prompt.apart(setting):
            found.append(View(expression, wording))
    return found


def _mean(opinions: Sequence[Opinion], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows, C) log-probabilities, not normalised."""
    return np.asarray(sum(weight * one.likely.astype(np.float64) for weight, one in zip(weights, opinions, strict=True)))


def _weights(opinions: Sequence[Opinion], each: int) -> NDArray[np.float64]:
    """(views,) that sum to 1."""
    before = np.array([one.before for one in opinions])
    if each < FEWEST or not before.any():
        before = np.ones(len(opinions))
    found: NDArray[np.float64] = before / before.sum()
    return found


def _notes(opinions: Sequence[Opinion], weights: NDArray[np.float64]) -> list[str]:
    rows = len(opinions[0].likely)
    named = "; ".join(f"{one.name} (weight {weight:.2f})" for one, weight in zip(opinions, weights, strict=True))
    return [f"views of the consensus: {named}", f"{_agreement(opinions)} of {rows:,} unlabelled rows"]


def _agreement(opinions: Sequence[Opinion]) -> str:
    answers = np.stack([one.likely.argmax(axis=1) for one in opinions])
    return f"all {len(opinions)} views agree on {percent(float((answers == answers[0]).all(axis=0).mean()))}"


MEMBER = Consensus
