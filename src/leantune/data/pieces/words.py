"""A row of words becomes as many overlapping pieces as it needs. Mark: the number of the word that begins at a token.

Which word begins where is read from the characters, so any fast tokenizer will do.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import OVERLAP, Part, Pieces, Room, Tokenizer, filler, flat, overlapping


class Words(Pieces):
    """Words at their first tokens."""

    width: ClassVar[int] = 1
    overlapping: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        rows = chunk.words or []
        coded = overlapping(tokenizer, [" ".join(words) for words in rows], None, room.length, room.length // OVERLAP)
        owners = list(coded["overflow_to_sample_mapping"])
        letters, firsts = [_letters(words) for words in rows], [dict[int, int]() for _ in rows]
        ids, words = [], []
        for row, tokens, offsets in zip(owners, coded["input_ids"], coded["offset_mapping"], strict=True):
            ids.append(tokens or [filler(tokenizer)])
            words.append(_begun(offsets, letters[row], firsts[row]) or [-1])
        lengths = [len(tokens) for tokens in ids]
        return Part(flat(ids), np.array([lengths, lengths, owners], dtype=np.int64).T, len(rows), flat(words))


def _letters(words: list[str]) -> list[int]:
    """For each character of the joined words the word that it belongs to, -1 for the spaces between."""
    return [-1 if place == len(word) else number for number, word in enumerate(words) for place in range(len(word) + 1)]


def _begun(offsets: list[tuple[int, int]], letters: list[int], firsts: dict[int, int]) -> list[int]:
    """For each token of a piece the word that begins in it, else -1; the first of the tokens that stand for a part of the word.

    Some tokenizers count the space before a word to its first token, some take the first letters away. `firsts` remembers where the first
    token of each word of the row begins, so that a later piece that starts inside a word does not mark it again.
    """
    found, seen = [], set[int]()
    for start, end in offsets:
        word = next((word for word in letters[start:end] if word >= 0), -1)
        begins = word >= 0 and word not in seen and firsts.setdefault(word, start) == start
        found.append(word if begins else -1)
        seen.add(word)
    return found


MEMBER = Words()
