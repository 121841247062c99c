from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leantune.comparison.store import read_records
from leantune.core.errors import ArtifactError
from leantune.evaluate.predictions import Predictions, read_predictions, write_predictions
from leantune.testing.comparisons import example_inputs


def test_records_and_predictions_come_back(tmp_path: Path) -> None:
    inputs = example_inputs()
    wanted = [*inputs.records[:2], inputs.records[-1]]
    for record in wanted:
        folder = tmp_path / "trials" / record.digest
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(record.model_dump_json())
    assert sorted(read_records(tmp_path), key=lambda one: one.digest) == sorted(wanted, key=lambda one: one.digest)
    digest = wanted[0].digest
    splits = {split: inputs.predictions(digest, split) for split in ("dev", "test")}
    write_predictions(tmp_path / "trials" / digest, splits)
    for split, expected in splits.items():
        found = read_predictions(tmp_path, digest, split)
        assert (found.gold == expected.gold).all()
        assert (found.predicted == expected.predicted).all()
        assert found.confidence == pytest.approx(expected.confidence)


def test_an_empty_run_has_no_records(tmp_path: Path) -> None:
    assert read_records(tmp_path) == []


def test_damaged_files_are_all_named(tmp_path: Path) -> None:
    for name in ("aa", "bb"):
        (tmp_path / "trials" / name).mkdir(parents=True)
        (tmp_path / "trials" / name / "record.json").write_text('{"half":')
    with pytest.raises(ArtifactError, match=r"(?s)2 problems.*aa.record\.json is damaged.*bb.record\.json is damaged"):
        read_records(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip", None])
def test_damaged_predictions_say_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "trials" / "aa"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "predictions.npz").write_bytes(content)
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_predictions(tmp_path, "aa", "test")


@pytest.mark.parametrize("place", [100, 300, 700])
def test_a_flipped_byte_is_noticed(tmp_path: Path, place: int) -> None:
    generator = np.random.default_rng(0)
    made = Predictions(generator.integers(0, 9, 500), generator.integers(0, 9, 500), generator.random(500))
    path = write_predictions(tmp_path / "trials" / "aa", {"test": made})
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_predictions(tmp_path, "aa", "test")


def test_arrays_of_different_lengths_are_refused(tmp_path: Path) -> None:
    write_predictions(tmp_path / "trials" / "aa", {"test": Predictions(np.zeros(3), np.zeros(3), np.zeros(2))})
    with pytest.raises(ArtifactError, match="differ in length"):
        read_predictions(tmp_path, "aa", "test")
