"""Where sentences are: at full stops, exclamation and question marks, in Chinese and Japanese too, and at the ends of lines."""

from __future__ import annotations

import re

Span = tuple[int, int]
"""First character and the one behind it."""

_BETWEEN = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def sentences(text: str) -> list[Span]:
    """The sentences that hold anything.

    >>> [("One. Two?"[first:last]) for first, last in sentences("One. Two?")]
    ['One.', 'Two?']
    """
    cuts = [(found.start(), found.end()) for found in _BETWEEN.finditer(text)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if text[start:end].strip()]
