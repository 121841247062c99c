"""One number per text, equal where texts are the same apart from case, spacing and punctuation.

The key is the first 8 bytes of BLAKE2b of the normalised text. Punctuation becomes a space (so 2.5 and 25 stay apart);
a text of nothing but punctuation is kept as it is.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

Keys = np.ndarray[Any, np.dtype[np.uint64]]

_PLANE = 0x10000
"""Only the first plane is looked at: a character class beyond it makes the pattern forty times slower."""

_BREAKS = frozenset({"Cc", "Cf", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Zl", "Zp", "Zs"})


@functools.cache
def _breaks() -> re.Pattern[str]:
    letters = "".join(letter for letter in map(chr, range(_PLANE)) if unicodedata.category(letter) in _BREAKS)
    return re.compile(f"[{re.escape(letters)}]+")


def normalise(text: str) -> str:
    """Lower case, one space for any run of spaces and punctuation.

    >>> normalise("  It's GREAT!! ")
    'it s great'
    """
    return _breaks().sub(" ", text.casefold()).strip() or text.strip()


def keys(texts: Sequence[str], pairs: Sequence[str] | None = None) -> Keys:
    """Key of each text (with its pair); uint64, shape (rows,)."""
    if pairs is None:
        whole = [normalise(text) for text in texts]
    else:
        whole = [f"{normalise(text)}\0{normalise(pair)}" for text, pair in zip(texts, pairs, strict=True)]
    digests = b"".join(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest() for text in whole)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def repeated(values: Keys) -> Keys:
    """The keys that occur more than once, sorted; needs one copy of the keys.

    >>> repeated(np.array([3, 1, 3, 2, 3], np.uint64)).tolist()
    [3]
    """
    ordered = np.sort(values)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def occurs_in(values: Keys, others: Keys) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each key is among `others`; bool, shape (rows,). Needs one copy of the others (`numpy.isin` needs several).

    >>> occurs_in(np.array([3, 1], np.uint64), np.array([2, 3], np.uint64)).tolist()
    [True, False]
    """
    if not len(others):
        return np.zeros(len(values), np.bool_)
    ordered = np.sort(others)
    found: np.ndarray[Any, np.dtype[np.bool_]] = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found
