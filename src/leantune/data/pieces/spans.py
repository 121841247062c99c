"""A second text in which spans are sought becomes as many overlapping pieces as it needs, each behind the whole first text.

Marks: first character of a token of the second text and the one behind it. A first text that would leave less than a quarter of the room to
the second is cut; `too_long` tells which ones, so that the user can be told.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from leantune.core.errors import SpecError
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import OVERLAP, Part, Pieces, Room, Tokenizer, filler, flat, overlapping, require_fast, too_long

SEPARATORS = 2
"""Special tokens around the second text at most."""
_LEAST = 6
"""Tokens that a first text may have in any case."""


class Spans(Pieces):
    """Characters of the second text."""

    width: ClassVar[int] = 2
    overlapping: ClassVar[bool] = True

    def most_first(self, length: int) -> int:
        """What leaves a quarter to the second text, and room for the separators around it."""
        most = length - length // OVERLAP - SEPARATORS
        if most < _LEAST:
            raise SpecError(f"Pieces of {length} tokens have no room for a question and a text. Raise --max-length.", "E-RANGE")
        return most

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        texts, pairs = _shortened(tokenizer, chunk.texts, self.most_first(room.length)), chunk.pairs or []
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
    """Tokens that the pieces of each row share: a part of the room that its first text leaves."""
    return [max(1, (length - taken - SEPARATORS) // OVERLAP) for taken in _counted(tokenizer, firsts)]


def _shortened(tokenizer: Tokenizer, firsts: list[str], most: int) -> list[str]:
    """The first texts, cut behind `most` tokens.

    Raises:
        SpecError: E-MODEL without a fast tokenizer.
    """
    require_fast(tokenizer)
    found = list(firsts)
    for place in too_long(partial(_counted, tokenizer), firsts, most):
        coded = tokenizer(firsts[place], truncation=True, max_length=most, return_offsets_mapping=True, return_attention_mask=False)
        found[place] = firsts[place][: max(end for _, end in coded["offset_mapping"])]
    return found


def _counted(tokenizer: Tokenizer, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(texts, return_attention_mask=False)["input_ids"]]


MEMBER = Spans()
