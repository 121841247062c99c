"""Words inside a text that a tokenizer reads.

Which of them begins at which token is read from the characters, so any fast tokenizer will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leantune.data.pieces._pieces import Part, Tokenizer, filler, flat

Item = tuple[str, int]
"""A text and the word that it is, -1 for what is no word of the row."""


def joined(items: Sequence[Item]) -> str:
    """The text that the items make."""
    return " ".join(text for text, _ in items)


def begun(tokenizer: Tokenizer, coded: Any, rows: Sequence[Sequence[Item]]) -> Part:
    """Encoded rows with the word that begins at each token.

    Args:
        tokenizer: of the base.
        coded: overlapping pieces of the joined items, see `overlapping`.
        rows: the items of each row; of pairs, of the second text.
    """
    owners = list(coded["overflow_to_sample_mapping"])
    letters, firsts = [_letters(items) for items in rows], [dict[int, int]() for _ in rows]
    ids, words, befores = [], [], []
    for piece, (row, tokens, offsets) in enumerate(zip(owners, coded["input_ids"], coded["offset_mapping"], strict=True)):
        texts = coded.sequence_ids(piece)
        last = max((text for text in texts if text is not None), default=0)
        ids.append(tokens or [filler(tokenizer)])
        befores.append(texts.index(last) if last else len(ids[-1]))
        own = [pair if text == last else (0, 0) for pair, text in zip(offsets, texts, strict=True)]
        words.append(_begun(own, letters[row], firsts[row]) or [-1])
    lengths = [len(tokens) for tokens in ids]
    return Part(flat(ids), np.array([lengths, befores, owners], dtype=np.int64).T, len(rows), flat(words))


def _letters(items: Sequence[Item]) -> list[int]:
    """For each character of the joined items the word that it belongs to, -1 for the spaces between and for what is no word."""
    return [-1 if place == len(text) else number for text, number in items for place in range(len(text) + 1)]


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
