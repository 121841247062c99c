"""A second text in which spans are sought becomes as many overlapping pieces as it needs, each behind the whole first text.

Marks: first character of a token of the second text and the one behind it.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from leantune.core.errors import SpecError
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import OVERLAP, Part, Pieces, Room, Tokenizer, filler, flat, overlapping, require_fast


class Spans(Pieces):
    """Characters of the second text."""

    width: ClassVar[int] = 2
    overlapping: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        texts, pairs = chunk.texts, chunk.pairs or []
        found: list[list[tuple[list[int], list[int], int]]] = [[] for _ in texts]
        overlaps = _overlaps(tokenizer, texts, room.length)
        for overlap in sorted(set(overlaps)):  # by the row's own first text, so that its pieces do not depend on other rows
            rows = [row for row, own in enumerate(overlaps) if own == overlap]
            coded = overlapping(tokenizer, [texts[row] for row in rows], [pairs[row] for row in rows], room.length, overlap)
            for piece, (owner, ids) in enumerate(zip(coded["overflow_to_sample_mapping"], coded["input_ids"], strict=True)):
                second = [part == 1 for part in coded.sequence_ids(piece)] or [False]
                offsets = coded["offset_mapping"][piece] or [(-1, -1)]
                marks = [number for inside, pair in zip(second, offsets, strict=True) for number in (pair if inside else (-1, -1))]
                first = second.index(True) if True in second else len(second)
                found[rows[owner]].append((ids or [filler(tokenizer)], marks, first))
        pieces = [piece for own in found for piece in own]
        owners = [row for row, own in enumerate(found) for _ in own]
        table = [(len(ids), first, row) for (ids, _, first), row in zip(pieces, owners, strict=True)]
        ids, marked = flat([ids for ids, _, _ in pieces]), flat([marks for _, marks, _ in pieces])
        return Part(ids, np.array(table, dtype=np.int64), len(texts), marked)


def _overlaps(tokenizer: Tokenizer, firsts: list[str], length: int) -> list[int]:
    """Tokens that the pieces of each row share: a part of the room that its first text leaves.

    Raises:
        SpecError: E-MODEL without a fast tokenizer, E-RANGE when a first text leaves no room for the second.
    """
    require_fast(tokenizer)
    lengths = [len(ids) for ids in tokenizer(firsts, return_attention_mask=False)["input_ids"]]
    rooms = [length - taken - 2 for taken in lengths]  # two: separators around the second text
    if min(rooms) < length // OVERLAP:
        message = f"The longest first text has {max(lengths)} tokens, which leaves too little of {length} for the second."
        raise SpecError(f"{message} Raise --max-length or shorten the first texts.", "E-RANGE")
    return [room // OVERLAP for room in rooms]


MEMBER = Spans()
