"""Parallel text files: line for line a text and its translation.

`train.{en,de}` means train.en and train.de; the columns have the names in the braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from leantune.core.digest import digest
from leantune.core.errors import DataError, Problems
from leantune.data.charset import scan
from leantune.data.intake import Inference, in_chunks
from leantune.data.table import Chunk
from leantune.data.unchanged import Stamp

_BRACES = re.compile(r"\{([^{},]+(?:,[^{},]+)*)\}")


@dataclass(frozen=True)
class Parallel:
    """Files that go together.

    Attributes:
        name: as the user wrote it, without folders.
        files: path, column and text encoding of each, in the order of the braces.
        digest: of the bytes of all of them.
        stamp: as they were before they were read.
    """

    name: str
    files: list[tuple[Path, str, str]]
    digest: str
    stamp: Stamp

    @classmethod
    def open(cls, pattern: str) -> Parallel | None:
        """The files that a pattern with braces in its last part names; None for any other name.

        Raises:
            DataError: E-FILE for files that cannot be read, all of them at once, or named twice; E-FORMAT for what is no text.
        """
        path = Path(pattern).expanduser()
        braces = _BRACES.search(path.name)
        if not braces:
            return None
        columns = [column.strip() for column in braces[1].split(",")]
        if len(set(columns)) < len(columns):
            raise DataError(
                f"{path.name}: a file is named twice. Write the source first, the target second, as in train.{{en,de}}.", "E-FILE"
            )
        files = [path.with_name(path.name[: braces.start()] + column + path.name[braces.end() :]) for column in columns]
        problems = Problems(path.name)
        for file in files:
            if not file.is_file():
                problems.add(f"{file}: there is no such file.", "E-FILE")
        problems.raise_if_any()
        stamp = Stamp.of(files)
        scans = [scan(file) for file in files]
        encoded = [(file, column, found.encoding) for file, column, found in zip(files, columns, scans, strict=True)]
        return cls(path.name, encoded, digest([[column, found.digest] for column, found in zip(columns, scans, strict=True)]), stamp)

    @property
    def pair(self) -> tuple[str, str] | None:
        """The columns of the text and of what is written for it; None for one file."""
        return (self.files[0][1], self.files[1][1]) if len(self.files) > 1 else None

    def chunks(self, problems: Problems, notes: list[Inference]) -> Iterator[Chunk]:
        """Rows of as many columns as there are files."""
        if self.pair:
            why = f'line by line, "{self.pair[0]}" is read and "{self.pair[1]}" is the answer'
            notes.append(Inference(what="format", value="parallel text files", why=why))
        return self.stamp.guarding(lambda: in_chunks(self._rows(problems)))

    def _rows(self, problems: Problems) -> Iterator[dict[str, Any]]:
        with ExitStack() as stack:
            files = [stack.enter_context(file.open(encoding=encoding, newline="\n")) for file, _, encoding in self.files]
            for number, lines in enumerate(zip_longest(*files), 1):
                if None in lines:
                    problems.add(self._unequal(number, lines, files), "E-FORMAT")
                    return
                yield {column: line.rstrip("\r\n") for (_, column, _), line in zip(self.files, lines, strict=True)}

    def _unequal(self, number: int, lines: Sequence[str | None], files: Iterable[Iterable[str]]) -> str:
        """The first line without a partner; the rest of the files is counted."""
        counts = [number - 1 + (line is not None) + sum(1 for _ in file) for line, file in zip(lines, files, strict=True)]
        listed = ", ".join(f"{path.name} {count:,}" for (path, *_), count in zip(self.files, counts, strict=True))
        longest = self.files[counts.index(max(counts))][0].name
        return (
            f"the files have different numbers of lines ({listed}): line {number:,} of {longest} is the first without a partner. "
            "Each line needs its translation in the same line of the other file."
        )
