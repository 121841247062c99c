"""Upkeep of a run folder: damage is removed once, and what is made again is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leantune.execution.upkeep import mend, seal_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in ("cache/x-mean.npy", "cache/x-mean.seconds", "cache/y.npy", "data/train.arrow"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    seal_run(tmp_path)
    return tmp_path


def flip(path: Path) -> None:
    """Change a byte as a disk does: nobody is told, and the clock of the file stays."""
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_what_is_whole_stays(run: Path) -> None:
    assert mend(run) == []
    assert len(list(run.glob("*/*"))) == 4


def test_damage_takes_what_belongs_to_it_and_is_told_once(run: Path) -> None:
    flip(run / "cache" / "x-mean.npy")
    (line,) = mend(run)
    assert line.startswith("x-mean.npy in ")
    assert [path.name for path in (run / "cache").iterdir()] == ["y.npy"]
    for name in ("x-mean.npy", "x-mean.seconds"):  # computed again, in other seconds
        (run / "cache" / name).write_bytes(b"again")
    seal_run(run)
    assert mend(run) == []
    assert len(list((run / "cache").iterdir())) == 3


def test_rows_that_are_prepared_again_are_sealed_again(run: Path) -> None:
    (run / "data" / "train.arrow").write_bytes(b"other rows, from a corrected file")
    seal_run(run)
    assert mend(run) == []


def test_what_a_killed_process_left_half_is_removed(run: Path) -> None:
    (run / "cache" / "z.123.part.npy").write_bytes(b"half")
    seal_run(run)
    mend(run)
    assert not (run / "cache" / "z.123.part.npy").exists()
