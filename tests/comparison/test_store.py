from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leantune.comparison.store import damage, ordered, read_record
from leantune.core.errors import ArtifactError
from leantune.evaluate.predictions import Predictions, read_predictions, same_answers, write_predictions
from leantune.kinds.task import Answers
from leantune.testing.comparisons import example_inputs


def test_records_and_predictions_come_back(tmp_path: Path) -> None:
    inputs = example_inputs()
    wanted = [*inputs.records[:2], inputs.records[-1]]
    for record in wanted:
        folder = tmp_path / "trials" / record.digest
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(record.model_dump_json())
    assert [read_record(tmp_path, record.digest) for record in wanted] == wanted
    digest = wanted[0].digest
    splits = {split: inputs.predictions(digest, split) for split in ("dev", "test")}
    write_predictions(tmp_path / "trials" / digest, splits)
    for split, expected in splits.items():
        found = read_predictions(tmp_path, digest, split)
        assert (found.gold == expected.gold).all()
        assert (found.predicted == expected.predicted).all()
        assert found.confidence == pytest.approx(expected.confidence)


def test_a_trial_that_has_not_run_has_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path, "aa") is None


def test_records_are_ordered_whatever_ran_first() -> None:
    records = list(example_inputs().records)
    assert ordered(records[::-1]) == ordered(records)
    assert ordered(records)[0].phase == "baseline"


def test_a_damaged_record_is_no_record_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "trials" / "aa").mkdir(parents=True)
    (tmp_path / "trials" / "aa" / "record.json").write_text('{"half":')
    assert read_record(tmp_path, "aa") is None
    found = damage(tmp_path, "aa")
    assert found is not None
    assert "record.json is damaged or from another version; that trial is run again" in found


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip", None])
def test_damaged_predictions_say_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "trials" / "aa"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "test.parquet").write_bytes(content)
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_predictions(tmp_path, "aa", "test")


def test_a_flipped_byte_is_noticed_or_harms_nothing(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    made = Predictions(generator.integers(0, 9, 500), generator.integers(0, 9, 500), generator.random(500))
    write_predictions(tmp_path / "trials" / "aa", {"test": made})
    path = tmp_path / "trials" / "aa" / "test.parquet"
    whole, noticed = path.read_bytes(), 0
    for place in range(4, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            found = read_predictions(tmp_path, "aa", "test")
        except ArtifactError:
            noticed += 1
        else:
            assert same_answers(found.gold, made.gold)
            assert same_answers(found.predicted, made.predicted)
            assert same_answers(found.confidence, made.confidence)
    assert noticed > len(whole) / 97 / 2


@pytest.mark.parametrize(
    "answers",
    [np.array([0, 2, 1]), np.array([0.5, 1.25, -3.0]), [[1, 2], [], [3]], ["a text", "", "Grüße"]],
)
def test_answers_of_every_kind_come_back(tmp_path: Path, answers: Answers) -> None:
    write_predictions(tmp_path / "trials" / "aa", {"dev": Predictions(answers, answers, np.array([0.1, 0.2, 0.3]))})
    found = read_predictions(tmp_path, "aa", "dev")
    assert same_answers(found.gold, answers)
    assert same_answers(found.predicted, answers)
    assert not same_answers(found.gold, list(answers)[::-1])
