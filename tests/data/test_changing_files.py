"""A file that is written while it is read is refused: its digest would be of other rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from leantune.core.errors import DataError, Problems
from leantune.data.locate import bring_in, locate
from leantune.data.table import CHUNK_ROWS

LINE = "some text,label\n"


def grown(path: Path) -> None:
    with path.open("a") as file:
        file.write(LINE)


def exchanged(path: Path) -> None:
    path.with_suffix(".new").write_text(path.read_text())
    path.with_suffix(".new").replace(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3:] = b"\xff\xff\xff"
    path.write_bytes(data)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("text,label\n" + LINE * (5 * CHUNK_ROWS))
    return tmp_path / "a.csv"


@pytest.mark.parametrize("change", [grown, exchanged, cut, damaged, Path.unlink])
@pytest.mark.parametrize("begun", [False, True], ids=["before the first row", "between rows"])
def test_a_change_is_noticed(change: Callable[[Path], None], begun: bool, file: Path) -> None:
    (part,) = locate(file)
    chunks = part.chunks(Problems("a.csv"), [])
    if begun:
        next(chunks)
    change(file)
    with pytest.raises(DataError, match=r"a.csv: the file was changed while it was read. Wait until") as said:
        list(chunks)
    assert said.value.code == "E-FILE"


def test_parallel_files_are_watched_too(tmp_path: Path) -> None:
    for ending in ("en", "de"):
        (tmp_path / f"a.{ending}").write_text("a line\n" * 9)
    (part,) = locate(tmp_path / "a.{en,de}")
    grown(tmp_path / "a.de")
    with pytest.raises(DataError, match=r"a.de: the file was changed"):
        list(part.chunks(Problems("a"), []))


def test_a_file_that_stays_is_read_to_its_end(file: Path, tmp_path: Path) -> None:
    assert bring_in(locate(file)[0], tmp_path / "a.arrow", []).rows == 5 * CHUNK_ROWS
