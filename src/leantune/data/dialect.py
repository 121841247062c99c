"""How a delimited file is written: which delimiter, and whether quotes mean anything. Decided on the first mebibyte.

A comma, semicolon, tab or bar is taken when the header holds it; among several, the one that gives every row the header's
number of fields. Tab files without quoting (a field may start with a stray quote) are common and are told from quoted ones.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class Dialect:
    """Delimiter and whether double quotes enclose fields."""

    delimiter: str
    quoted: bool = True

    @property
    def name(self) -> str:
        """The delimiter in words."""
        return DELIMITERS[self.delimiter]

    def reader(self, lines: Iterable[str]) -> Any:
        """The strict reader of the standard library for this dialect."""
        if self.quoted:
            return csv.reader(lines, delimiter=self.delimiter, strict=True)
        return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)


def sniff(sample: str, preferred: str) -> Dialect:
    """The dialect of a file that starts with `sample`; `preferred` is the delimiter its name promises."""
    header = sample.lstrip("\r\n").split("\n", 1)[0]
    candidates = [delimiter for delimiter in DELIMITERS if delimiter in header] or [preferred]
    if preferred in candidates:
        candidates.remove(preferred)
        candidates.insert(0, preferred)
    dialects = [Dialect(delimiter) for delimiter in candidates]
    if "\t" in candidates:
        dialects.append(Dialect("\t", quoted=False))
    scored = [(_fit(sample, dialect), -rank, dialect) for rank, dialect in enumerate(dialects)]
    return max(scored, key=lambda score: score[:2])[2]


def _fit(sample: str, dialect: Dialect) -> float:
    """Share of rows with the header's number of fields, 0 when the quotes do not close; a single field counts little."""
    rows, fitting, width = 0, 0, 0
    reader = dialect.reader(io.StringIO(sample, newline=""))
    try:
        for fields in reader:
            if not fields:
                continue
            width = width or len(fields)
            rows, fitting = rows + 1, fitting + (len(fields) == width)
    except csv.Error:
        if reader.line_num < sample.count("\n"):
            return 0.5 * fitting / max(rows, 1) * (width > 1)
    return fitting / max(rows, 1) * (1.0 if width > 1 else 0.1)
