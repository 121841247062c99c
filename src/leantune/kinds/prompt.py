"""Prompt: how a task is worded for the model, a link before the method: `cloze | lora(rank=4)`.

    Setting(wording, base, task, labels) -> pieces (how a row is put into words), head (how the words of the labels are read)

The logits behind a prompt are one for each label, so everything after them is as without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from leantune.core.link import Link
from leantune.core.long import USUAL, Long
from leantune.core.spec import Spec
from leantune.core.wording import Wording

if TYPE_CHECKING:
    from leantune.data.pieces._pieces import Pieces
    from leantune.kinds.task import Task
    from leantune.models.base import Base
    from leantune.models.heads import HeadSpec


class PromptCard(Spec):
    """The facts of a prompt that people read."""

    title: str
    paper: str
    """Authors, year, arXiv number."""
    when: str
    """One line: when to use it."""


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


class Prompt(Link):
    """Base of every prompt; a member's file binds `MEMBER` to the class."""

    card: ClassVar[PromptCard]

    def unsupported(self, setting: Setting) -> str | None:
        """Why the prompt cannot work here, in one line; None when it can."""
        raise NotImplementedError

    def pieces(self, setting: Setting) -> Pieces:
        """How a row is put into words.

        Raises:
            SpecError: what is wrong with template or words.
        """
        raise NotImplementedError

    def head(self, setting: Setting) -> HeadSpec:
        """How the words of the labels are read."""
        raise NotImplementedError


@dataclass(frozen=True)
class Worded:
    """A prompt where it is used."""

    prompt: Prompt
    setting: Setting

    @property
    def unsupported(self) -> str | None:
        """Why it cannot work there."""
        return self.prompt.unsupported(self.setting)

    @cached_property
    def pieces(self) -> Pieces:
        """How a row is put into words."""
        return self.prompt.pieces(self.setting)

    @cached_property
    def head(self) -> HeadSpec:
        """How the words of the labels are read."""
        return self.prompt.head(self.setting)


def columns_of(text: str, text_pair: str | None) -> dict[str, int]:
    """What a template may call the texts of a row: by their columns, and as `text` and `text_pair`."""
    pair = {} if text_pair is None else {text_pair: 1, "text_pair": 1}
    return {text: 0, "text": 0} | pair
