"""A row in the words of several templates, one piece for each; what is found behind them is averaged.

great film It was [MASK].      great film All in all, it was [MASK].      ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leantune.core.wording import Asked
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._cloze import Apart, Cloze, Masked, Next
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer


@dataclass(frozen=True)
class Several(Pieces):
    """Rows behind several prompts of one kind; the words of the labels are the same tokens behind all of them."""

    members: tuple[Cloze, ...]

    together: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        parts = [member.cut(tokenizer, chunk, room) for member in self.members]
        ids, marks = ([_split(getattr(part, name), part.table[:, 0]) for part in parts] for name in ("ids", "marks"))
        order = [(row, place) for row in range(len(chunk)) for place in range(len(parts))]
        return Part(
            np.concatenate([np.zeros(0, np.int32), *(ids[place][row] for row, place in order)]),
            np.concatenate([np.zeros((0, 3), np.int64), *(parts[place].table[row : row + 1] for row, place in order)]),
            len(chunk),
            np.concatenate([np.zeros(0, np.int32), *(marks[place][row] for row, place in order)]),
        )


class SeveralMasked(Several):
    """For a body that fills masks."""

    asks: ClassVar[Asked | None] = Masked.asks
    width: ClassVar[int] = Masked.width


class SeveralNext(Several):
    """For a decoder."""

    asks: ClassVar[Asked | None] = Next.asks
    width: ClassVar[int] = Next.width


class SeveralApart(Several):
    """For an encoder-decoder."""

    asks: ClassVar[Asked | None] = Apart.asks
    width: ClassVar[int] = Apart.width
    apart: ClassVar[bool] = Apart.apart


_KINDS: dict[type[Cloze], type[Several]] = {Masked: SeveralMasked, Next: SeveralNext, Apart: SeveralApart}


def joined(members: Sequence[Cloze]) -> Cloze | Several:
    """The pieces of several prompts of one kind; those of one as they are."""
    return members[0] if len(members) == 1 else _KINDS[type(members[0])](tuple(members))


def _split(flat: NDArray[np.int32], sizes: NDArray[np.int64]) -> list[NDArray[np.int32]]:
    return np.split(flat, np.cumsum(sizes)[:-1]) if len(flat) else [flat] * len(sizes)
