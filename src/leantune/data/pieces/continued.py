"""A text and what a decoder writes behind it: source, a line break, target, end. Mark: the token of the target that shall follow.

A source that is too long is cut at its end, so that the target has the room that it was promised. Rows to predict have an empty target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from leantune.core.errors import SpecError
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer, end_of_text, filler, flat

BREAK = "\n"
"""Stands between source and target."""


class Continued(Pieces):
    """Source and target in one piece."""

    width: ClassVar[int] = 1

    def most_read(self, room: Room, bare: Callable[[list[str], list[str] | None], Sequence[int]]) -> int:
        """Source and target stand in one piece with a line break between them."""
        return room.length - room.target - bare([BREAK], None)[0]

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        end, between = end_of_text(tokenizer), _bare(tokenizer, [BREAK])[0]
        most = room.length - room.target - len(between)
        if most < 1:
            raise SpecError(f"{room.target} tokens to write leave no room for the text in {room.length}. Raise --max-length.", "E-RANGE")
        sources = tokenizer(chunk.texts, truncation=True, max_length=most, return_attention_mask=False)["input_ids"]
        targets = _bare(tokenizer, chunk.targets or [""] * len(chunk))
        firsts = [[*(source or [filler(tokenizer)]), *between] for source in sources]
        wholes = [[*first, *target[: room.target - 1], end] for first, target in zip(firsts, targets, strict=True)]
        marks = [[*[-1] * (len(first) - 1), *whole[len(first) :], -1] for first, whole in zip(firsts, wholes, strict=True)]
        table = np.array([[len(whole) for whole in wholes], [len(first) for first in firsts], range(len(wholes))], dtype=np.int64).T
        return Part(flat(wholes), table, len(chunk), flat(marks))


def _bare(tokenizer: Tokenizer, texts: list[str]) -> Any:
    """Tokens without anything around them."""
    return tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]


MEMBER = Continued()
