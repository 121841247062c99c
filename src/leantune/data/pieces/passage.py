"""A text becomes pieces one behind the other; each token but the first is sought. Mark: the token that follows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer, end_of_text, flat


class Passage(Pieces):
    """Texts as a decoder reads them, each ended by the end token."""

    width: ClassVar[int] = 1
    overlapping: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        end, ids, owners = end_of_text(tokenizer), list[list[int]](), list[int]()
        for row, tokens in enumerate(tokenizer(chunk.texts, return_attention_mask=False)["input_ids"]):
            whole = [*tokens, end]
            # Each piece begins with the last token of the one before it, so that every token is sought once.
            starts = range(0, max(1, len(whole) - 1), room.length - 1)
            ids += [whole[start : start + room.length] for start in starts]
            owners += [row] * len(starts)
        lengths = [len(tokens) for tokens in ids]
        marks = [[*tokens[1:], -1] for tokens in ids]
        return Part(flat(ids), np.array([lengths, lengths, owners], dtype=np.int64).T, len(chunk), flat(marks))


MEMBER = Passage()
