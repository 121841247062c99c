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

_LAST_PUNCTUATION = 0x1FFFF
"""Behind this code point Unicode has ideographs and private use only."""


@functools.cache
def _breaks() -> re.Pattern[str]:
    letters = [
        chr(code) for code in range(_LAST_PUNCTUATION) if unicodedata.category(chr(code))[0] in "PZC" and not 0xD800 <= code < 0xE000
    ]
    return re.compile(f"[{re.escape(''.join(letter for letter in letters if unicodedata.category(letter) not in ('Cn', 'Co')))}]+")


def normalise(text: str) -> str:
    """Lower case, one space for any run of spaces and punctuation.

    >>> normalise("  It's GREAT!! ")
    'it s great'
    """
    return _breaks().sub(" ", text.casefold()).strip() or text.strip()


def keys(texts: Sequence[str], pairs: Sequence[str] | None = None) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Key of each text (with its pair); uint64, shape (rows,)."""
    if pairs is None:
        whole = [normalise(text) for text in texts]
    else:
        whole = [f"{normalise(text)}\0{normalise(pair)}" for text, pair in zip(texts, pairs, strict=True)]
    digests = b"".join(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest() for text in whole)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
