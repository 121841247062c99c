"""Rows that are lists of words: a JSON list in a cell, or words between spaces."""

from __future__ import annotations

import json


def split_words(text: str | None) -> list[str]:
    """The words in a cell.

    >>> split_words('["New", "York"]'), split_words("New York"), split_words(None)
    (['New', 'York'], ['New', 'York'], [])

    Raises:
        ValueError: for a list that holds something else than texts, with a sentence for people.
    """
    if text is None or not text.lstrip().startswith("["):
        return (text or "").split()
    try:
        found = json.loads(text)
    except ValueError:
        return text.split()
    if any(word is None or isinstance(word, dict | list) for word in found):
        raise ValueError(f"{text[:40]} holds something else than words. Write a list of texts.")
    return [str(word) for word in found]
