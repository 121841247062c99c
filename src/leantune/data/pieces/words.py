"""A row of words becomes as many overlapping pieces as it needs. Mark: the number of the word that begins at a token."""

from __future__ import annotations

from typing import ClassVar

from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import OVERLAP, Part, Pieces, Room, Tokenizer, overlapping
from leantune.data.pieces._words import begun, joined


class Words(Pieces):
    """Words at their first tokens."""

    width: ClassVar[int] = 1
    overlapping: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        rows = [[(word, number) for number, word in enumerate(words)] for words in chunk.words or []]
        coded = overlapping(tokenizer, [joined(items) for items in rows], None, room.length, room.length // OVERLAP)
        return begun(tokenizer, coded, rows)


MEMBER = Words()
