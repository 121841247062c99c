"""A row of words that is about some of them: these stand in front, as a first text, and between two signs inside the row.

    sold [SEP] we @ sold @ old books          Mark: the number of the word of the row that begins at a token

In front, because a decoder reads from left to right and because every piece of a long row needs them; inside, because a word may occur
twice. 200 steps of `full` on 3,000 rows of PropBank on EWT with minilm: span F1 on test 33.0 with both, 34.3 with signs only (one seed
each, so no difference), 22.6 with the words in front only.
"""

from __future__ import annotations

from typing import ClassVar

from leantune.core.errors import SpecError
from leantune.data import focus
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import OVERLAP, Part, Pieces, Room, Tokenizer, overlapping
from leantune.data.pieces._words import Item, begun, joined

SIGN = "@"


class Focus(Pieces):
    """Words at their first tokens, those that the row is about in sight."""

    width: ClassVar[int] = 1
    overlapping: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        places, words = [focus.read(text) for text in chunk.pairs or []], chunk.words or []
        firsts = [" ".join(row[place] for place in about) for row, about in zip(words, places, strict=True)]
        rows = [_marked(row, about) for row, about in zip(words, places, strict=True)]
        longest = max((len(ids) for ids in tokenizer(firsts, return_attention_mask=False)["input_ids"]), default=0)
        if longest > room.length // 2:
            message = f"The words that a row is about have up to {longest} tokens, which leaves too little of {room.length} for the others."
            raise SpecError(f"{message} Raise --max-length.", "E-RANGE")
        coded = overlapping(tokenizer, firsts, [joined(items) for items in rows], room.length, room.length // 2 // OVERLAP)
        return begun(tokenizer, coded, rows)


def _marked(words: list[str], places: list[int]) -> list[Item]:
    """The words with a sign before and behind each run of those that the row is about."""
    items = list[Item]()
    for number, word in enumerate(words):
        inside, before, behind = (place in places for place in (number, number - 1, number + 1))
        items += [*[(SIGN, -1)] * (inside and not before), (word, number), *[(SIGN, -1)] * (inside and not behind)]
    return items


MEMBER = Focus()
