"""Prompt: how a task is worded for the model, a link before the method: `cloze | lora(rank=4)`.

    Setting(wording, base, task, labels) -> pieces (how a row is put into words), head (how the words of the labels are read)
    settle(setting, training rows, oracle, seed) -> the wording that is used, for prompts that find some of it before the training

The logits behind a prompt are one for each label, so everything after them is as without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import some
from leantune.core.link import Link, LinkCard
from leantune.core.long import USUAL, Long
from leantune.core.recipe import Generator
from leantune.core.wording import Asked, Wording, silent
from leantune.data.examples import ExampleChunk

if TYPE_CHECKING:
    from leantune.data.label_words import Word
    from leantune.data.pieces._pieces import Informed, Pieces
    from leantune.kinds.rates import Rates
    from leantune.kinds.task import Task
    from leantune.models.anatomy import Anatomy
    from leantune.models.base import Base
    from leantune.models.heads import HeadSpec
    from leantune.models.span_beam import Filling


@dataclass(frozen=True)
class Setting:
    """What a prompt is made for."""

    wording: Wording
    base: Base
    task: Task
    labels: list[str]
    columns: Mapping[str, int]
    """Names that a text of a row goes by, with its place (0 or 1)."""
    long: Long = USUAL
    """How texts are read that are too long, where the template does not say."""
    generator: Generator | None = None
    """Who writes templates, where it is not the base itself."""
    informed: Informed | None = None
    """How surprising each token of a text is to the base, where words are left out by that."""

    @property
    def silence(self) -> str | None:
        """Why the words of the labels say nothing; None where they do, or where there are none yet."""
        if not (found := silent(self.wording.words)):
            return None
        return f'the names of labels say nothing ({some(found)}): give words with --labels "{found[0]}=WORD, ..."'


@dataclass(frozen=True)
class Rows:
    """Training rows that a prompt may look at."""

    chunk: ExampleChunk
    gold: NDArray[np.int64]
    """(rows,) numbers of their labels."""


class Oracle(Protocol):
    """The base as it is, before anything is trained."""

    def likely(self, worded: Worded, words: Sequence[Word], chunk: ExampleChunk) -> NDArray[np.float32]:
        """Mean log-probability of the tokens of some words at the masks of a prompt: (rows, words); the mean of several templates."""
        ...

    def states(self, chunk: ExampleChunk) -> NDArray[np.float32]:
        """Pooled states of texts: (rows, D)."""
        ...

    def embedding(self) -> NDArray[np.float32]:
        """The rows of the output embedding: (V, D)."""
        ...

    def fill(self, generator: Base, texts: Sequence[Sequence[int]], spans: int, beams: int) -> list[Filling]:
        """What a generator puts into the gaps of many texts at once, the likeliest first (`models.span_beam`)."""
        ...


@dataclass(frozen=True)
class Settled:
    """A wording with all that a prompt found."""

    wording: Wording
    notes: list[str] = field(default_factory=list)
    """What was found and what was dropped, and why."""


class Prompt(Link):
    """Base of every prompt; a member's file binds `MEMBER` to the class."""

    card: ClassVar[LinkCard]

    @property
    def settles(self) -> bool:
        """Whether some of the wording is found on the training rows; until then neither pieces nor head need be complete."""
        return False

    @property
    def generates(self) -> bool:
        """Whether a generator writes templates for it."""
        return False

    def settle(self, setting: Setting, rows: Rows, oracle: Oracle, seed: int) -> Settled:
        """Find what is left open, on training rows and with the base as it is.

        Raises:
            SpecError: what cannot be found here.
        """
        del rows, oracle, seed
        return Settled(setting.wording)

    def unsupported(self, setting: Setting) -> str | None:
        """Why the prompt cannot work here, in one line; None when it can."""
        raise NotImplementedError

    def pieces(self, setting: Setting) -> Pieces | None:
        """How a row is put into words; None where it is read as it is without the prompt.

        Raises:
            SpecError: what is wrong with template or words.
        """
        raise NotImplementedError

    def head(self, setting: Setting) -> HeadSpec:
        """How the words of the labels are read."""
        raise NotImplementedError

    def apart(self, setting: Setting) -> list[Wording]:
        """Wordings with one template each, of all that the prompt could take; as it is where it takes several together or none."""
        return [setting.wording]

    def said(self, setting: Setting) -> list[list[list[str]]]:
        """The texts that say each word of each label, where a linear head starts from what the base makes of them; else none."""
        del setting
        return []

    def rates(self, setting: Setting) -> Rates | None:
        """Learning rates of what the prompt itself trains besides a head, its soft tokens; None where it trains nothing."""
        del setting
        return None

    def cautions(self, setting: Setting) -> list[str]:
        """What a reader should know of how its words are read."""
        del setting
        return []

    def cost(self, setting: Setting, anatomy: Anatomy) -> int:
        """Trained parameters of the prompt itself, without any head."""
        del setting, anatomy
        return 0


@dataclass(frozen=True)
class Worded:
    """A prompt where it is used."""

    prompt: Prompt
    setting: Setting

    def saying(self, wording: Wording) -> Worded:
        """The same prompt with another wording."""
        return Worded(self.prompt, replace(self.setting, wording=wording))

    @property
    def unsupported(self) -> str | None:
        """Why it cannot work there."""
        return self.prompt.unsupported(self.setting)

    @cached_property
    def pieces(self) -> Pieces | None:
        """How a row is put into words; None where it is read as it is."""
        return self.prompt.pieces(self.setting)

    @property
    def asks(self) -> Asked | None:
        """How the base is asked; None where it is not."""
        return None if self.pieces is None else self.pieces.asks

    @property
    def said(self) -> list[list[list[str]]]:
        """The texts that say each word of each label."""
        return self.prompt.said(self.setting)

    @cached_property
    def head(self) -> HeadSpec:
        """How the words of the labels are read."""
        return self.prompt.head(self.setting)

    @cached_property
    def rates(self) -> Rates | None:
        """Learning rates of what it trains itself; None where that is nothing."""
        return self.prompt.rates(self.setting)

    def cost(self, anatomy: Anatomy) -> int:
        """Parameters that it trains itself."""
        return self.prompt.cost(self.setting, anatomy)


def columns_of(text: str, text_pair: str | None) -> dict[str, int]:
    """What a template may call the texts of a row: by their columns, and as `text` and `text_pair`."""
    pair = {} if text_pair is None else {text_pair: 1, "text_pair": 1}
    return {text: 0, "text": 0} | pair
