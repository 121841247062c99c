"""A text that an encoder reads and what a decoder of its own writes; both are cut where they are too long.

Rows to predict have an empty target, which is the end token alone.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer, end_of_text, filler, flat


class Transduced(Pieces):
    """Source for the encoder, target for the decoder."""

    apart: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        end = end_of_text(tokenizer)
        sources = tokenizer(chunk.texts, truncation=True, max_length=room.length, return_attention_mask=False)["input_ids"]
        wanted = chunk.targets or [""] * len(chunk)
        written = tokenizer(text_target=wanted, return_attention_mask=False)["input_ids"]  # some families code the target otherwise
        firsts = [source or [filler(tokenizer)] for source in sources]
        targets = [[*[token for token in target if token != end][: room.target - 1], end] for target in written]
        wholes = [[*first, *target] for first, target in zip(firsts, targets, strict=True)]
        table = np.array([[len(whole) for whole in wholes], [len(first) for first in firsts], range(len(wholes))], dtype=np.int64).T
        return Part(flat(wholes), table, len(chunk))


MEMBER = Transduced()
