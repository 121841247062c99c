"""Rows that are lists of words: a JSON list in a cell, or words between spaces."""

from __future__ import annotations

import json
from typing import Any

OF_WORDS = ("words", "focus")
"""Kinds of pieces (`data.pieces`) of rows that are lists of words."""


def split_words(text: str | None) -> list[str]:
    """The words in a cell.

    >>> split_words('["New", "York"]'), split_words("New York"), split_words(None)
    (['New', 'York'], ['New', 'York'], [])

    Raises:
        ValueError: for a list that holds something else than texts, and for an object, with a sentence for people.
    """
    found = nested_in(text)
    if text is None or found is None:
        return (text or "").split()
    if isinstance(found, dict) or any(word is None or isinstance(word, dict | list) for word in found):
        raise ValueError(f"{text[:40]} holds something else than words. Write a list of texts.")
    return [str(word) for word in found]


def nested_in(text: str | None) -> list[Any] | dict[str, Any] | None:
    """The list or object that a cell holds as JSON; None for any other text."""
    if text is None or not text.lstrip().startswith(("[", "{")):
        return None
    try:
        found: list[Any] | dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found
