"""What rows lose on their way in: counted, told, saved to `left_out.jsonl`, and refused above a share that the user may raise.

notes.append(loss("places left out", "a.jsonl", [(3, "PER Li")], of=60, why="of places that overlap the first one is kept"))
settle(notes, folder, most=0.05)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from leantune.core.errors import DataError, Problems, some
from leantune.core.files import write_atomic
from leantune.data.intake import Inference
from leantune.data.table import SHOWN_ROWS

FILE = "left_out.jsonl"
"""In the prepared folder: file, row, what it lost and what that was."""
MOST = 0.05
"""Share of a file's rows that may lose something."""


class Loss(Inference):
    """Something that is left out of rows; printed and kept as an `Inference`, its rows go into `FILE`."""

    file: str
    lost: list[tuple[int, str]]
    """Row and what was left out of it."""
    of: int
    """Rows of the file."""


def loss(what: str, file: str, lost: Sequence[tuple[int, str]], *, of: int, why: str, named: bool = True) -> Loss:
    """A loss with its first few rows; `named` puts the file in front of them."""
    value = f"{f'{file} ' if named else ''}row {some(_rows(lost), SHOWN_ROWS)}"
    return Loss(what=what, value=value, why=why, file=file, lost=list(lost), of=of)


def settle(notes: Sequence[Inference], folder: Path, most: float) -> None:
    """Write what was left out into `folder`, and refuse too much of it.

    Args:
        notes: what was told while the files were read.
        folder: the prepared one.
        most: share of the rows of a file that may lose something.

    Raises:
        DataError: E-LOST with every file of which more rows do; the file is written before.
    """
    losses = [note for note in notes if isinstance(note, Loss)]
    (folder / FILE).unlink(missing_ok=True)
    if not losses:
        return
    lines = [{"file": one.file, "row": row, "what": one.what, "left_out": text} for one in losses for row, text in one.lost]
    write_atomic(folder / FILE, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode("utf-8", "replace"))
    problems = Problems("too much would be left out")
    for file in dict.fromkeys(one.file for one in losses):
        own = [one for one in losses if one.file == file]
        rows, of = len({row for one in own for row, _ in one.lost}), own[0].of
        if rows > most * of:
            problems.add(_refused(file, rows, own, most), "E-LOST")
    problems.raise_if_any(DataError)


def _refused(file: str, rows: int, losses: Sequence[Loss], most: float) -> str:
    of = losses[0].of
    listed = ", ".join(f"{one.what} (row {some(_rows(one.lost), SHOWN_ROWS)})" for one in losses)
    share = f"{rows:,} of {of:,} rows ({rows / of:.0%}) lose something, and at most {most:.0%} may: {listed}."
    enough = min(1.0, (rows * 100 // of + 1) / 100)
    remedy = f"Correct them (leantune check FILE --left-out lost.jsonl lists them all), or go on with --most-lost {enough:g}."
    return f"{file}: {share} {remedy}"


def _rows(lost: Sequence[tuple[int, str]]) -> list[int]:
    return list(dict.fromkeys(row for row, _ in lost))
