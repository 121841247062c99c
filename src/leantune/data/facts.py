"""What a column of a table looks like: how many values, how long, how many numbers. One pass over the file for all columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

import pyarrow.compute as pc

from leantune.data.table import Table

MANY = 5000
"""Distinct values are counted up to here; a column with more is no label."""

SHOWN = 50
"""Values that are looked at more closely."""
SEVERAL = 3
"""Words from which on a text is more than a name; in scripts without spaces two letters count as a word."""
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")

NUMBER = re.compile(r"[-+]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][-+]?[0-9]+)?")
"""A number as it is written: `float` would take 1_000 and digits of other scripts too."""


@dataclass
class Facts:
    """One column.

    Attributes:
        rows, missing: number of rows; of nulls and blank texts.
        characters: over all rows.
        values: distinct values, or an empty set once there are more than `MANY`.
        many: there are more than `MANY` distinct values.
        first: some distinct values, those that come first.
    """

    name: str
    rows: int = 0
    missing: int = 0
    characters: int = 0
    values: set[str] = field(default_factory=set)
    many: bool = False
    first: list[str] = field(default_factory=list)

    @property
    def distinct(self) -> int:
        """Number of distinct values, capped at `MANY`."""
        return MANY if self.many else len(self.values)

    @property
    def varied(self) -> bool:
        """Whether most rows have a value of their own, so that the values are no set of labels."""
        return self.many or len(self.values) > max(2, (self.rows - self.missing) // 2)

    @property
    def counted(self) -> str:
        """Distinct values in words, for messages."""
        number = f"more than {MANY:,}" if self.many else f"{len(self.values):,}"
        return f"{number} distinct value{'' if self.distinct == 1 else 's'} in {self.rows:,} rows"

    @property
    def mean_length(self) -> float:
        """Characters per row that has a value."""
        return self.characters / max(1, self.rows - self.missing)

    @property
    def numeric(self) -> bool:
        """Whether all values seen so far are numbers."""
        return not self.many and bool(self.values) and all(NUMBER.fullmatch(value) for value in self.values)

    @property
    def fractional(self) -> bool:
        """Whether the numbers have fractions, as measurements have: 2.5, not 2 or 2.0."""
        return self.numeric and any(float(value.replace(",", ".")) % 1 for value in self.values)


def is_prose(texts: Iterable[str]) -> bool:
    """Whether most texts have several words.

    >>> is_prose(["Ein Hund schläft."]), is_prose(["一只狗在睡觉。"]), is_prose(["very good", "bad"])
    (True, True, False)
    """
    lengths = [max(len(text.split()), len(_UNSPACED.findall(text)) // 2) for text in texts]
    return bool(lengths) and median(lengths) >= SEVERAL


def look(table: Table, columns: Iterable[str] | None = None) -> Mapping[str, Facts]:
    """Facts of the columns of a table (all of them unless named)."""
    names = list(table.columns if columns is None else columns)
    found = {name: Facts(name) for name in names}
    for batch in table.batches(names):
        for name in names:
            _add(found[name], batch.column(name))
    return found


def _add(facts: Facts, column: object) -> None:
    facts.rows += len(column)  # type: ignore[arg-type]
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), True)
    facts.missing += pc.sum(blank).as_py() or 0
    facts.characters += pc.sum(pc.utf8_length(column)).as_py() or 0
    if len(facts.first) < SHOWN or not facts.many:
        values = [value for value in pc.unique(column).to_pylist() if value is not None and value.strip()]
        facts.first = list(dict.fromkeys([*facts.first, *values[:SHOWN]]))[:SHOWN]
    if not facts.many:
        facts.values.update(values)
        if len(facts.values) > MANY:
            facts.many, facts.values = True, set()
