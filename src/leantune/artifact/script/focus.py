"""The script's part for rows that are about some of their words: a predicate, a trigger."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from leantune.artifact.script.common import SETTINGS


def places_of(cell: str, size: int) -> list[int]:
    """Numbers of the words that a row is about, from 0: numbers, a JSON list, or an object with start and end."""
    if "{" in cell:
        found = json.loads(cell)
        places = list(range(found["start"], found["end"]))
    else:
        places = [int(number) for number in re.findall(r"-?\d+", cell)]
        places = list(range(*places)) if SETTINGS["spans"] and len(places) == 2 else places
    if not places or not 0 <= min(places) <= max(places) < size:
        sys.exit(f"error: {cell or 'nothing'} names no word of a row of {size}. Write the number of the word, from 0.")
    return sorted(set(places))


def encode(tokenizer: Any, words: list[str], about: str, **options: Any) -> tuple[Any, list[list[list[int]]], list[int]]:
    """The encoded pieces of a row, the characters of their tokens, and for each character of its text the word that it belongs to."""
    places = places_of(about, len(words))
    items = []
    for number, word in enumerate(words):
        inside, before, behind = (place in places for place in (number, number - 1, number + 1))
        items += [*[("@", -1)] * (inside and not before), (word, number), *[("@", -1)] * (inside and not behind)]
    letters = [-1 if place == len(word) else number for word, number in items for place in range(len(word) + 1)]
    first, second = " ".join(words[place] for place in places), " ".join(word for word, _ in items)
    coded = tokenizer([first], [second], truncation="only_second", stride=options["max_length"] // 8, **options)
    offsets = coded.pop("offset_mapping").tolist()
    for piece, own in enumerate(offsets):
        own[:] = [pair if text == 1 else [0, 0] for pair, text in zip(own, coded.sequence_ids(piece), strict=True)]
    return coded, offsets, letters
