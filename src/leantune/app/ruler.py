"""How the rows of a task are measured with a base model."""

from __future__ import annotations

from leantune.app.targets import target_length
from leantune.core import catalogue
from leantune.core.long import USUAL, Long
from leantune.data.dataset import Dataset
from leantune.data.lengths import Ruler
from leantune.data.pieces._pieces import Room
from leantune.data.pieces.chat import written_out
from leantune.models.base import Base
from leantune.models.heads import pieces_of


def room_of(dataset: Dataset, base: Base, max_target_length: int | None) -> Room:
    """Tokens of a row, and of what is written for it where the task writes any.

    Raises:
        SpecError: E-RANGE for a target longer than the base has room for.
    """
    writes = catalogue.load("tasks", dataset.task).writes
    return Room(base.max_length, target_length(dataset, base, max_target_length) if writes else 0)


def ruler_of(dataset: Dataset, base: Base, room: Room, long: Long = USUAL) -> Ruler:
    """Counts tokens as the base will read them: conversations in its template, targets without special tokens."""

    def conversations(texts: list[str], pairs: list[str] | None = None) -> list[int]:
        return base.count_bare([written_out(base.tokenizer, text) for text in texts], pairs)

    pieces = pieces_of(dataset.gold.pieces, base.config)
    return Ruler(conversations if pieces == "chat" else base.count_tokens, room, base.count_bare, pieces, long)
