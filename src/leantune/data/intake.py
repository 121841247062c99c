"""What a file reader gets and gives: an `Intake` in, chunks of rows out; the words every format file speaks.

A format is one file in `formats/` that binds `MEMBER = Format(suffixes, read)`; nothing else has to be edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leantune.core.errors import Problems, some
from leantune.core.human import plural
from leantune.core.spec import Spec
from leantune.data.table import CHUNK_ROWS, SHOWN_ROWS, Chunk

MOST_PROBLEMS = 200
"""Reading stops after so many problems: the rest would say the same."""


class Inference(Spec):
    """One thing that leantune worked out itself; printed as one line.

    >>> str(Inference(what="label column", value='"intent"', why="7 distinct values", override="--label COL"))
    'label column: "intent" (7 distinct values; override with --label COL)'
    """

    what: str
    value: str
    why: str
    override: str | None = None

    def __str__(self) -> str:
        tail = f"; override with {self.override}" if self.override else ""
        return f"{self.what}: {self.value} ({self.why}{tail})"


@dataclass
class Intake:
    """One file on its way in.

    Attributes:
        path: the file.
        encoding: Python's name of the text encoding, found by `charset.scan`.
        problems: where a reader notes what is wrong; raised together when the file is read.
        inferences: where a reader notes what it worked out.
    """

    path: Path
    encoding: str
    problems: Problems
    inferences: list[Inference] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether so many problems are known that reading on is pointless."""
        return len(self.problems.found) >= MOST_PROBLEMS

    def note_blank(self, lines: Sequence[int]) -> None:
        """Tell of lines without anything between rows; those at the end of a file are usual."""
        if lines:
            value = f"{self.path.name} line {some(lines, SHOWN_ROWS)}"
            self.inferences.append(Inference(what="blank lines", value=value, why=f"{plural(len(lines), 'line')}; they are no rows"))


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        suffixes: endings of file names, with the dot, lower case.
        read: chunks of rows of one file.
        binary: the format is no text, so encodings do not apply.
    """

    suffixes: tuple[str, ...]
    read: Callable[[Intake], Iterator[Chunk]]
    binary: bool = False


def in_chunks(rows: Iterable[dict[str, Any]]) -> Iterator[Chunk]:
    """Gather single rows into chunks of columns; a key that a row lacks is None."""
    block: list[dict[str, Any]] = []
    for row in rows:
        block.append(row)
        if len(block) == CHUNK_ROWS:
            yield as_columns(block)
            block = []
    if block:
        yield as_columns(block)


def as_columns(rows: list[dict[str, Any]]) -> Chunk:
    """Turn rows into columns, keys in order of first appearance."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    return {name: [row.get(name) for row in rows] for name in names}
