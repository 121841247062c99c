"""One tag per word out of a closed list: `["B-PER", "I-PER", "O"]` beside `["Karl", "Ove", "sings"]`, or both as words between spaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from leantune.core.errors import DataError, Problems, nearest, some
from leantune.data.facts import Facts
from leantune.data.golds._gold import Gold, Labelled, answers
from leantune.data.intake import Inference
from leantune.data.table import Nested
from leantune.data.words import split_words


class Tags(Gold):
    """The numbers of a row's tags, one for each word."""

    arrow = pa.list_(pa.int32())
    nests = ("a list",)
    pieces = "words"

    def suits(self, facts: Facts, nested: Nested | None, *, of_words: bool) -> str | None:
        """Lists beside lists of words."""
        return f'"{facts.name}" holds a list beside each list of words' if of_words and nested and nested.kind == "a list" else None

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The tags of all files: one that train never shows cannot be learned, but it must be counted as missed."""
        counts = [self._counted(source) for source in (train, *held)]
        if len(counts[0]) < 2:
            tags = some([f'"{tag}"' for tag in counts[0]])
            raise DataError(f'{train.place}, column "{train.label}": every word has the tag {tags}. At least two are needed.', "E-LABEL")
        labels = sorted(set().union(*counts))
        if unseen := [tag for tag in labels if tag not in counts[0]]:
            words = sum(found[tag] for found in counts[1:] for tag in unseen)
            why = f"{words:,} words of dev and test have them; no method can find them"
            notes.append(Inference(what="tags that train never shows", value=some([f'"{tag}"' for tag in unseen]), why=why))
        return labels

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse rows whose words and tags do not go together, and unknown tags."""
        unknown = sorted(set(self._counted(source)) - set(labels))
        if unknown:
            hints = [f'"{tag}"' + (f' (closest: "{close}")' if (close := nearest(tag, labels)) else "") for tag in unknown]
            raise DataError(f'{source.place}, column "{source.label}": tags that the model does not know: {some(hints)}.', "E-LABEL")

    def _counted(self, source: Labelled) -> Counter[str]:
        """Words per tag; everything that is wrong with the rows is told at once."""
        counts, problems = Counter[str](), Problems(source.place)
        for row, words, tags, about in _rows(source, problems):
            for where, what in self.faults(words, tags, about, source):
                problems.add(f"row {row}{where}: {what}", "E-LABEL" if words or tags else "E-TEXT")
            counts.update(tags)
        problems.raise_if_any()
        return counts

    def faults(self, words: list[str], tags: list[str], about: str | None, source: Labelled) -> Iterator[tuple[str, str]]:
        """What is wrong with a row: where in it, and a sentence.

        Args:
            words: of the row.
            tags: of the row.
            about: what says which words the row is about, where something does.
            source: the file.
        """
        del about
        text, label = source.columns.text, source.label
        if len(words) != len(tags):
            counted = f'{len(words)} words in column "{text}" and {len(tags)} tags in column "{label}".'
            yield "", f"{counted} Each word needs one tag."
        elif not words:
            yield f', column "{text}"', "no word. Delete the row."

    def blank(self, words: int) -> Any:
        """Any tag: how many there are says which tokens have one."""
        return [0] * words

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """Numbers of the tags of each row."""
        number = {label: place for place, label in enumerate(labels)}
        return pa.array([[number[tag] for tag in split_words(text)] for text in answers(cells)], self.arrow)


def _rows(source: Labelled, problems: Problems) -> Iterator[tuple[int, list[str], list[str], str | None]]:
    """Row number, words, tags, and what stands in the second column where there is one."""
    for start, cells in source.cells():
        abouts = cells.column(1).to_pylist() if source.columns.text_pair else [None] * cells.num_rows
        for place, (words, tags, about) in enumerate(zip(cells.column(0).to_pylist(), answers(cells), abouts, strict=True)):
            try:
                yield start + place, split_words(words), split_words(tags), about
            except ValueError as error:
                problems.add(f"row {start + place}: {error}", "E-TEXT")


MEMBER = Tags()
