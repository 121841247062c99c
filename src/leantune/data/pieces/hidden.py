"""A text becomes pieces one behind the other, each with some hidden tokens. Mark: the token that was hidden.

What is hidden depends on the tokens of the piece alone (static masking), so every look at dev and test asks the same; training may hide
others at each visit (dynamic masking, Liu et al. 2019, arXiv:1907.11692).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from leantune.data.examples import ExampleChunk
from leantune.data.masking import Hider, always_same
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer, filler, flat, overlapping


class Hidden(Pieces):
    """Pieces with hidden tokens."""

    width: ClassVar[int] = 1
    overlapping: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        hider = Hider.of(tokenizer)
        coded = overlapping(tokenizer, chunk.texts, None, room.length, 0)
        owners, ids, marks = list(coded["overflow_to_sample_mapping"]), [], []
        for tokens in coded["input_ids"]:
            whole = np.array(tokens or [filler(tokenizer)], dtype=np.int32)
            hidden, sought = hider.hide(whole, always_same(whole))
            ids.append(hidden.tolist())
            marks.append(sought.tolist())
        lengths = [len(tokens) for tokens in ids]
        return Part(flat(ids), np.array([lengths, lengths, owners], dtype=np.int64).T, len(chunk), flat(marks))


MEMBER = Hidden()
