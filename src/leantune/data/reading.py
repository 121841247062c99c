"""Rows as token numbers where some are too long. Plain functions: `predict.py` gets their source.

read(tokenizer, texts, None, 128, ways, known)      for each row its pieces, for each piece (token, the text that it belongs to)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leantune.data.cuts import places, shares, words_of
from leantune.data.extract import extracted, question

Piece = tuple[list[int], list[int]]
"""Token numbers and token types."""
AT_ONCE = 64
"""Rows tokenised at a time: nothing is cut off before, so they may be long."""


def read(
    tokenizer: Any,
    texts: list[str],
    pairs: list[str] | None,
    room: int,
    ways: list[dict[str, Any]],
    known: dict[str, Any],
    informed: Callable[[list[int]], list[float]] | None = None,
) -> list[list[Piece]]:
    """The pieces of each row.

    Args:
        tokenizer: a fast one.
        texts: first texts.
        pairs: second texts.
        room: tokens of a piece.
        ways: of the first and the second texts.
        known: what the training rows taught; used by `select` alone.
        informed: how surprising each token of a text is; used by `compress` alone.
    """
    found: list[list[Piece]] = []
    for start in range(0, len(texts), AT_ONCE):
        firsts, seconds = texts[start : start + AT_ONCE], pairs[start : start + AT_ONCE] if pairs is not None else None
        coded = tokenizer(
            firsts, seconds, return_token_type_ids=True, return_attention_mask=False, return_offsets_mapping=True, verbose=False
        )
        for row, first in enumerate(firsts):
            own = [first] if seconds is None else [first, seconds[row]]
            found.append(pieces_of_row(tokenizer, own, coded, row, room, ways, known, informed))
    return found


def pieces_of_row(
    tokenizer: Any,
    texts: list[str],
    coded: Any,
    row: int,
    room: int,
    ways: list[dict[str, Any]],
    known: dict[str, Any],
    informed: Callable[[list[int]], list[float]] | None,
) -> list[Piece]:
    """The pieces of one row of a coded batch."""
    owners = coded.sequence_ids(row)
    if len(owners) > room and any(way["name"] == "select" for way in ways[: len(texts)]):
        options = {"return_token_type_ids": True, "return_attention_mask": False, "return_offsets_mapping": True, "verbose": False}
        texts = selected(tokenizer, texts, [owners.count(text) for text in range(len(texts))], room - owners.count(None), ways, known)
        coded, row = tokenizer([texts[0]], texts[1:] or None, **options), 0
        owners = coded.sequence_ids(0)
    ids, types = coded["input_ids"][row], coded["token_type_ids"][row]
    worths: list[list[tuple[int, float]]] = [[] for _ in texts]
    if informed is not None and len(owners) > room:
        for place, text in enumerate(texts):
            own = [at for at, owner in enumerate(owners) if owner == place and ways[place]["name"] == "compress"]
            words = words_of(text, [coded["offset_mapping"][row][at] for at in own])
            worths[place] = list(zip(words, informed([ids[at] for at in own]), strict=True))
    return [([ids[at] for at in piece], [types[at] for at in piece]) for piece in places(owners, room, ways, worths)]


def selected(tokenizer: Any, texts: list[str], sizes: list[int], room: int, ways: list[dict[str, Any]], known: dict[str, Any]) -> list[str]:
    """The texts of a row with the sentences that matter."""

    def count(parts: list[str]) -> list[int]:
        coded = tokenizer(parts, add_special_tokens=False, return_attention_mask=False, verbose=False)
        return [len(ids) for ids in coded["input_ids"]]

    found = list(texts)
    for place, (size, most, way) in enumerate(zip(sizes, shares(sizes, room), ways, strict=False)):
        if way["name"] == "select" and size > most:
            other = texts[1 - place] if len(texts) == 2 else None
            found[place] = extracted(texts[place], question(way, other, known), most, count, known)
    return found
