"""Each option of a row is one piece, behind the text; the pieces of a row are judged against each other.

A long text loses its beginning: what is asked, or goes on, stands at its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer
from leantune.data.pieces.text import Text


class Options(Pieces):
    """One piece per option."""

    cuts: ClassVar[str | None] = "left"
    together: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows; their second texts are options as JSON lists."""
        given = [json.loads(pair) for pair in chunk.pairs or []]
        rows = np.repeat(np.arange(len(given)), [len(texts) for texts in given])
        pairs = ExampleChunk([chunk.texts[row] for row in rows], [option for texts in given for option in texts])
        with _cutting(tokenizer, self.cuts):
            part = Text().cut(tokenizer, pairs, room)
        part.table[:, 2] = rows
        return Part(part.ids, part.table, len(chunk))


@contextmanager
def _cutting(tokenizer: Any, side: str | None) -> Iterator[None]:
    before = tokenizer.truncation_side
    tokenizer.truncation_side = side
    try:
        yield
    finally:
        tokenizer.truncation_side = before


MEMBER = Options()
