"""What a language model said, kept beside its trial: read, missing, damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leantune.app.ship import read_samples
from leantune.core.shown import Piece, Sample


def test_samples_are_read_as_they_were_kept(tmp_path: Path) -> None:
    kept, notes = [Sample(row=3, pieces=[Piece(text="a day")], onward="and on")], list[str]()
    (tmp_path / "samples.json").write_text(json.dumps([one.model_dump() for one in kept]))
    assert read_samples(tmp_path / "samples.json", notes.append) == kept
    assert read_samples(tmp_path / "none.json", notes.append) == []
    assert notes == []


@pytest.mark.parametrize("content", [b"", b'[{"row": 3, "pie', b'{"row": 3}', b"\xff\xfe"])
def test_damaged_samples_are_left_out_with_a_line(tmp_path: Path, content: bytes) -> None:
    path, notes = tmp_path / "samples.json", list[str]()
    path.write_bytes(content)
    assert read_samples(path, notes.append) == []
    assert len(notes) == 1
    assert f"{path} is damaged" in notes[0]
    assert "run again" in notes[0]
