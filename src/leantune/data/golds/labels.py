"""Any number of labels per row out of a closed list, none included: `["price", "delay"]`, or `price; delay` in one cell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from leantune.core.errors import DataError, Problems, nearest
from leantune.data.facts import Facts
from leantune.data.golds._gold import Gold, Labelled, answers
from leantune.data.golds.text import MEMBER as TEXT
from leantune.data.intake import Inference
from leantune.data.table import Nested
from leantune.data.words import nested_in

_BETWEEN = re.compile(r"\s*[,;|]\s*")


class Labels(Gold):
    """The numbers of a row's labels, rising."""

    arrow = pa.list_(pa.int32())
    nests = ("a list",)

    def suits(self, facts: Facts, nested: Nested | None, *, of_words: bool) -> str | None:
        """A column of lists, of anything but long texts."""
        lists = nested is not None and nested.kind == "a list" and nested.count >= facts.rows - facts.missing
        if of_words or not lists or TEXT.suits(facts, nested, of_words=of_words):
            return None
        return f'"{facts.name}" holds a list in every row'

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The labels of train; the other files may have no further ones."""
        counts, sizes, problems = Counter[str](), set[int](), Problems(train.place)
        for start, cells in train.cells():
            for place, text in enumerate(answers(cells)):
                try:
                    own = split(text)
                    counts.update(own)
                    sizes.add(len(own))
                except ValueError as error:
                    problems.add(f'row {start + place}, column "{train.label}": {error}', "E-LABEL")
        problems.raise_if_any()
        if len(counts) < 2:
            raise DataError(
                f'{train.place}, column "{train.label}": {len(counts)} different labels in all rows. At least two are needed.', "E-LABEL"
            )
        if len(counts) > max(2, train.table.rows // 2):
            raise DataError(
                f'{train.place}, column "{train.label}": {len(counts):,} different labels in {train.table.rows:,} rows are no label set. '
                "Name the labels with --label COL.",
                "E-LABEL",
            )
        labels = sorted(counts)
        for source in held:
            self.check(source, labels)
        if sizes == {1}:
            why = "if a row can only ever have one, write the label itself instead of a list: that is classification"
            notes.append(Inference(what="labels in a row", value="one in every row", why=why))
        return labels

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse what is no list of labels, and unknown labels."""
        known, problems = set(labels), Problems(source.place)
        for start, cells in source.cells():
            for place, text in enumerate(answers(cells)):
                try:
                    unknown = [label for label in split(text) if label not in known]
                except ValueError as error:
                    problems.add(f'row {start + place}, column "{source.label}": {error}', "E-LABEL")
                    continue
                for label in unknown:
                    close = nearest(label, labels)
                    hint = f' Closest: "{close}".' if close else ""
                    problems.add(
                        f'row {start + place}, column "{source.label}": the label "{label}" never occurs in train.{hint}', "E-LABEL"
                    )
        problems.raise_if_any()

    def blank(self, words: int) -> Any:
        """No label."""
        del words
        return []

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """Numbers of the labels of each row."""
        number = {label: place for place, label in enumerate(labels)}
        return pa.array([sorted(number[label] for label in split(text)) for text in answers(cells)], self.arrow)

    def classes(self, gold: pa.Array) -> list[list[int]]:
        """The labels of each row; those without any are a class of their own."""
        return [labels or [-1] for labels in gold.to_pylist()]


def split(text: str | None) -> list[str]:
    """The labels in a cell, each once: a JSON list of texts, or texts between commas, semicolons or bars.

    >>> split('["a", "b"]'), split("a; b"), split("")
    (['a', 'b'], ['a', 'b'], [])

    Raises:
        ValueError: for a list that holds something else than texts, and for an object, with a sentence for people.
    """
    if text is None or not text.strip():
        return []
    found = nested_in(text)
    if found is None and text.lstrip().startswith("["):
        raise ValueError(f'{text[:40]} is no whole list. Write it as ["a", "b"].')
    if found is None:
        return list(dict.fromkeys(label for label in _BETWEEN.split(text.strip()) if label))
    if isinstance(found, dict) or not all(isinstance(label, str) and label.strip() for label in found):
        raise ValueError(f"{text[:40]} holds something else than labels. Write a list of texts.")
    return list(dict.fromkeys(found))


MEMBER = Labels()
