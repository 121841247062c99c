"""From tokens back to text, part by part: `cut(tokenizer, ids, [3, 5])` is the text of tokens 0 to 2, 3 to 4, and the rest.

The parts joined are the text of all tokens: how a token is written depends on those before it, so no token is decoded alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.core.shown import Piece, Sample, shortened
from leantune.data.encoded import Encoded

LONGEST = 1500
"""Characters that are shown of a row."""


def decoded(tokenizer: Any, ids: Sequence[int] | NDArray[Any]) -> str:
    """The text of some tokens, special ones included."""
    return str(tokenizer.decode([int(token) for token in ids], skip_special_tokens=False, clean_up_tokenization_spaces=False))


def cut(tokenizer: Any, ids: Sequence[int] | NDArray[Any], bounds: Iterable[int]) -> list[str]:
    """The text of some tokens, cut before the tokens with the numbers `bounds` (rising)."""
    whole, places = decoded(tokenizer, ids), [0]
    for bound in bounds:
        places.append(max(places[-1], _shared(decoded(tokenizer, ids[:bound]), whole)))
    return [whole[start:end] for start, end in pairwise([*places, len(whole)])]


def _shared(one: str, other: str) -> int:
    """Letters at the beginning of both; half a letter at the end of some tokens is none yet."""
    return next(
        (place for place, (first, second) in enumerate(zip(one, other, strict=False)) if first != second), min(len(one), len(other))
    )


def learned(tokenizer: Any, encoded: Encoded, pieces: Iterable[int], rows: NDArray[np.int64]) -> list[Sample]:
    """Pieces as a model is trained on them; what the loss is on is told apart.

    Args:
        tokenizer: of the base.
        encoded: all pieces, with the token that is sought at each token as its mark.
        pieces: numbers of those to show.
        rows: numbers in the user's file of all rows.
    """
    assert encoded.marks is not None
    found = list[Sample]()
    for piece in pieces:
        start, end = (int(place) for place in encoded.starts[piece : piece + 2])
        sought = np.concatenate([[False], np.asarray(encoded.marks[start : end - 1]) >= 0])  # a mark stands before its token
        bounds = (np.flatnonzero(sought[1:] != sought[:-1]) + 1).tolist()
        texts = cut(tokenizer, encoded.ids[start:end], bounds)
        parts = [Piece(text=text, kind="learned" if sought[at] else "plain") for text, at in zip(texts, [0, *bounds], strict=True)]
        found.append(Sample(row=int(rows[encoded.rows[piece]]), pieces=shortened(parts, LONGEST)))
    return found
