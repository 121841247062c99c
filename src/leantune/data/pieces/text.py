"""A text, or a pair of texts, is one piece, cut at the token limit, in pairs the longer text first."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer, filler, flat


class Text(Pieces):
    """One piece per row."""

    whole: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        texts, pairs = chunk.texts, chunk.pairs
        coded = tokenizer(texts, pairs, truncation=True, max_length=room.length, return_token_type_ids=True, return_attention_mask=False)
        filled = [ids or [filler(tokenizer)] for ids in coded["input_ids"]]
        lengths = [len(ids) for ids in filled]
        seconds = [_second(coded, row) for row in range(len(texts))] if pairs is not None else [0] * len(texts)
        table = np.array([lengths, np.subtract(lengths, seconds), np.arange(len(texts))], dtype=np.int64).T
        return Part(flat(filled), table, len(texts))


def _second(coded: Any, row: int) -> int:
    """Tokens of the second text, the special tokens behind it included; 0 where the tokenizer has no token types."""
    return sum(coded["token_type_ids"][row]) if "token_type_ids" in coded else 0


MEMBER = Text()
