"""Where triggers and arguments stand in a row: numbers of words, of characters where the row is a text, or only the words themselves.

Sentence.of_words(["Rebels", "left"]).find({"start": 1, "end": 2})     (1, 2)
Sentence.of_text("Rebels left.").find({"start": 7, "end": 11})         (1, 2)
Sentence.of_text("Rebels left.").find({"text": "left"})                (1, 2)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from leantune.data.entities import Bounds, nearest_text, words_in

_KEYS = ("span", "offsets", "offset", "position")
_SAID = ("text", "word", "words", "mention", "trigger_word", "value")


@dataclass
class Sought:
    """Rows whose places were looked for by their words."""

    moved: list[int] = field(default_factory=list)
    placed: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    """Those whose words stand there more than once."""
    widened: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Sentence:
    """A row.

    Attributes:
        text: its words joined by spaces where it is a list of words.
        words: where they stand in the text.
        by_characters: whether places count characters.
    """

    text: str
    words: Sequence[Bounds]
    by_characters: bool

    @classmethod
    def of_words(cls, words: Sequence[str]) -> Sentence:
        """A list of words."""
        starts = accumulate((len(word) + 1 for word in words[:-1]), initial=0)
        return cls(" ".join(words), [(start, start + len(word)) for start, word in zip(starts, words, strict=False)], by_characters=False)

    @classmethod
    def of_text(cls, text: str) -> Sentence:
        """A text, with the words that `data.entities` finds in it."""
        return cls(text, words_in(text), by_characters=True)

    def find(self, place: Any, name: str, row: int, sought: Sought) -> Bounds:
        """First word, and the one behind the last.

        Args:
            place: [start, end], an object with start and end or with words, or the words.
            name: of what stands there, for messages.
            row: its number.
            sought: where it is noted how it was found.

        Raises:
            ValueError: with a sentence for people.
        """
        (start, end), said = _numbers(place), _said(place)
        if start is None or end is None:
            if not said:
                raise ValueError(f"{name or 'an event'} has no place. Write [start, end] or start and end, as numbers of {self._unit}")
            return self._by_text(said, name, row, sought)
        if start == end:
            raise ValueError(
                f"{name}: from {start} to {end} stands no {self._unit[:-1]}. An end stands behind the last {self._unit[:-1]}: {end + 1}"
            )
        size = len(self.text) if self.by_characters else len(self.words)
        if self.by_characters and said and self.text[max(0, start) : end].strip() != said:
            start, end = nearest_text(self.text, said, start, name)
            sought.moved.append(row)
        if not 0 <= start < end <= size:
            raise ValueError(f"{name}: from {start} to {end} is no place in a sentence of {size} {self._unit}")
        return self._around(start, end, name, row, sought) if self.by_characters else (start, end)

    @property
    def _unit(self) -> str:
        return "characters" if self.by_characters else "words"

    def _around(self, start: int, end: int, name: str, row: int, sought: Sought) -> Bounds:
        """The words that some characters belong to."""
        inside = [at for at, (first, last) in enumerate(self.words) if first < end and last > start]
        if not inside:
            raise ValueError(f"{name}: from {start} to {end} stands no word")
        if self.words[inside[0]][0] < start or self.words[inside[-1]][1] > end:
            sought.widened.append(row)
        return inside[0], inside[-1] + 1

    def _by_text(self, said: str, name: str, row: int, sought: Sought) -> Bounds:
        """The first place where the words stand, and whole words before parts of words."""
        found = [match.span() for match in re.finditer(r"\s+".join(map(re.escape, said.split())), self.text)]
        starts, ends = {start for start, _ in self.words}, {end for _, end in self.words}
        whole = [(start, end) for start, end in found if start in starts and end in ends]
        if not found:
            raise ValueError(f'{name}: "{said[:40]}" does not occur in the row. Correct it, or delete it')
        (sought.first if len(whole or found) > 1 else sought.placed).append(row)
        return self._around(*(whole or found)[0], name, row, sought)


def _numbers(place: Any) -> tuple[int | None, int | None]:
    """Start and end as they are written; None for those that are not."""
    if isinstance(place, dict):
        inner = next((place[key] for key in _KEYS if place.get(key) is not None), None)
        place = inner if inner is not None else [place.get("start"), place.get("end")]
    if isinstance(place, dict):
        place = [place.get("start"), place.get("end")]
    if isinstance(place, list) and len(place) == 2 and all(type(one) is int for one in place):
        return place[0], place[1]
    return None, None


def _said(place: Any) -> str:
    """The words that stand there, as the file says."""
    found = next((place[key] for key in _SAID if place.get(key)), "") if isinstance(place, dict) else place
    return " ".join(map(str, found)) if isinstance(found, list) and all(isinstance(one, str) for one in found) else _text(found)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
