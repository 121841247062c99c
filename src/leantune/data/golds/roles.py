"""One tag per word, seen from some words of the row (a predicate, a trigger): spans in BIO, `V` on the predicate itself.

["B-ARG0", "B-V", "B-ARG1", "I-ARG1"] beside ["We", "sold", "old", "books"] and 1
"""

from __future__ import annotations

from collections.abc import Iterator

from leantune.data import focus
from leantune.data.golds._gold import Labelled
from leantune.data.golds.tags import Tags

PREDICATE = "B-V"


class Roles(Tags):
    """The numbers of a row's tags, one for each word."""

    pieces = "focus"

    def faults(self, words: list[str], tags: list[str], about: str | None, source: Labelled) -> Iterator[tuple[str, str]]:
        """What is wrong with a row."""
        wrong = list(super().faults(words, tags, about, source))
        yield from wrong
        if wrong:
            return
        column, label = str(source.columns.text_pair), source.label
        yield from ((f', column "{label}"', what) for what in _not_bio(tags))
        try:
            places = focus.places_of(about, len(words), span=focus.is_spans(column))
        except ValueError as error:
            yield f', column "{column}"', f"{error}."
            return
        begun = [place for place, tag in enumerate(tags) if tag == PREDICATE]
        if begun and begun != places[:1]:
            found = ", ".join(map(str, begun))
            yield (
                f', column "{label}"',
                f'{PREDICATE} stands at word {found}, but "{column}" says {focus.written(places)}. Correct one of them.',
            )


def _not_bio(tags: list[str]) -> Iterator[str]:
    """Tags that are none of O, B-..., I-..., and I- that goes on with nothing; words count from 0."""
    before = "O"
    for place, tag in enumerate(tags):
        if tag != "O" and tag[:2] not in ("B-", "I-"):
            yield f'word {place}: "{tag}" is no tag of a span. Write B- before the role at its first word, I- at the others, O outside.'
        elif tag[:2] == "I-" and before[2:] != tag[2:]:
            yield f'word {place}: "{tag}" follows "{before}". A role begins with B-.'
        before = tag


MEMBER = Roles()
