"""Files that must stay as they are while they are read: their digest was made of the same bytes as their rows.

stamp = Stamp.of([path])
yield from stamp.guarding(lambda: read(path))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leantune.core.errors import DataError
from leantune.data.table import Chunk


@dataclass(frozen=True)
class Stamp:
    """What tells whether files were written since: size, time and place on the disk of each; None for one that is gone."""

    paths: tuple[Path, ...]
    known: tuple[tuple[int, int, int] | None, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Stamp:
        """As the files are now; made before their first byte is read."""
        return cls(tuple(paths), tuple(map(_mark, paths)))

    def guarding(self, reading: Callable[[], Iterator[Chunk]]) -> Iterator[Chunk]:
        """The chunks that come of reading these files.

        Raises:
            DataError: E-FILE where a file was changed before they were all read, or cannot be read any further.
        """
        try:
            yield from reading()
        except (OSError, UnicodeError) as error:
            self.refuse_changed()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise DataError(f"{self.paths[0].name}: it cannot be read to its end ({reason}).", "E-FILE") from None
        self.refuse_changed()

    def refuse_changed(self) -> None:
        """Raise E-FILE where a file is not what it was."""
        for path, before in zip(self.paths, self.known, strict=True):
            if _mark(path) != before:
                remedy = "Wait until whatever writes it is done, or give a copy, and run the command again."
                raise DataError(f"{path.name}: the file was changed while it was read. {remedy}", "E-FILE")


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
