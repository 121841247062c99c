"""A text, or a pair of texts, read as the user says (`core.long`) where it is too long: other parts of it, or all in windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from leantune.core.long import Long
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Informed, Part, Pieces, Pool, Room, Tokenizer, filler, flat, require_fast
from leantune.data.reading import read
from leantune.data.telling import Known


@dataclass(frozen=True)
class LongText(Pieces):
    """One piece per row, or its windows; not in the catalogue, because it takes the way."""

    long: Long
    known: Known = field(default_factory=Known)
    informed: Informed | None = None
    """How surprising each token of a text is; where words are left out by that."""

    @property
    def pool(self) -> Pool | None:  # type: ignore[override]
        """How the logits of a row come from those of its windows."""
        return self.long.windows.pool if self.long.windows else None

    @property
    def drawn(self) -> int | None:  # type: ignore[override]
        """Windows of a row at one visit in training."""
        return self.long.windows.most if self.long.windows else None

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        require_fast(tokenizer)
        known: dict[str, Any] = self.known.model_dump()
        rows = read(tokenizer, chunk.texts, chunk.pairs, room.length, self.long.plain, known, self.informed)
        pieces = [(ids or [filler(tokenizer)], sum(types), row) for row, own in enumerate(rows) for ids, types in own]
        table = [(len(ids), len(ids) - second, row) for ids, second, row in pieces]
        return Part(flat([ids for ids, _, _ in pieces]), np.array(table, dtype=np.int64).reshape(-1, 3), len(chunk))


def reader_of(pieces: str, long: Long, known: Known | None, informed: Informed | None = None) -> str | Pieces:
    """How rows are read: a name of `data.pieces`, or the way of the user where texts are not cut at their end."""
    return pieces if long.is_head else LongText(long, known or Known(), informed)
