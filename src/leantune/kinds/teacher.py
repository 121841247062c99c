"""Teacher: what says how likely each label is for rows that nobody labelled, a link before everything else: `consensus | lora`.

    panel(setting, labelled) -> the views, models that are made for it      teach(school) -> Lesson(soft targets (rows, C), notes)

The method behind it is the student: it learns from the labelled rows and from the soft targets, and is what is handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leantune.core.link import Link, LinkCard
from leantune.core.wording import Wording

if TYPE_CHECKING:
    from leantune.kinds.prompt import Setting


@dataclass(frozen=True)
class View:
    """A model that takes part in a teacher's judgement."""

    expression: str
    wording: Wording


@dataclass(frozen=True)
class Opinion:
    """What a trained view says."""

    name: str
    likely: NDArray[np.float32]
    """(rows, C) log-probabilities of the labels of the unlabelled rows."""
    before: float
    """Share of the labelled rows that it answered rightly before it was trained."""


@dataclass(frozen=True)
class Extra:
    """Unlabelled rows that are learned from besides the labelled ones, with the answers that others gave them."""

    rows: tuple[int, ...]
    """A row may stand several times."""
    answers: tuple[Any, ...]
    """Labels; lists of one text where texts are written."""


class School(Protocol):
    """The trained views, in the process of the trial."""

    @property
    def labelled(self) -> NDArray[np.int64]:
        """(C,) labelled rows of each label."""
        ...

    @property
    def seed(self) -> int:
        """Of the trial."""
        ...

    @property
    def later(self) -> Sequence[str]:
        """Names of the views of later generations."""
        ...

    def opinions(self, extras: Sequence[Extra] = ()) -> Sequence[Opinion]:
        """Of every view, in their order; they are trained when this is asked.

        Args:
            extras: what each view of a later generation learns from besides the labelled rows; nothing for the first one.
        """
        ...


@dataclass(frozen=True)
class Lesson:
    """Soft targets for the unlabelled rows."""

    soft: NDArray[np.float32]
    """(rows, C), each row a distribution."""
    temperature: float
    """At which the student's logits are compared with them."""
    notes: list[str]
    """Who took part, with which weight, and how far they agree."""
    read: frozenset[str] = frozenset()
    """Poolings by which the unlabelled rows were read for it: their stored states are paid for."""
    alone: bool = False
    """Whether nothing else is learned, no label of a labelled row."""


class Teacher(Link):
    """Base of every teacher; a member's file binds `MEMBER` to the class."""

    temperature: float = Field(default=2.0, gt=0)
    """Over 1 the unlikely labels count for more."""
    steps: int = Field(default=250, ge=1)
    """Of each view that learns step by step."""
    labels: bool = True
    """Whether the student learns from the labels of the labelled rows too; else from what the teacher says alone."""

    card: ClassVar[LinkCard]

    def panel(self, setting: Setting, *, labelled: bool) -> list[View]:
        """The views that it asks.

        Args:
            setting: what prompts are made for.
            labelled: whether there are labelled rows; without any only what needs no training can take part.
        """
        raise NotImplementedError

    def later(self, setting: Setting, *, labelled: bool) -> list[View]:
        """The views of later generations; nothing where there is one generation, or where they are those of the first."""
        del setting, labelled
        return []

    @property
    def after(self) -> int:
        """Generations after the first one."""
        return 0

    def teach(self, school: School) -> Lesson:
        """Judge the unlabelled rows."""
        raise NotImplementedError
