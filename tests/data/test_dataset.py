"""prepare() and load(): the whole way from a file to splits on disk."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from leantune.core import catalogue
from leantune.core.errors import DataError, SpecError
from leantune.data.dataset import is_prepared, load, prepare


def rows(count: int = 60, labels: tuple[str, ...] = ("ham", "spam")) -> list[dict[str, str]]:
    return [{"text": f"message number {i} says hello", "label": labels[i % len(labels)]} for i in range(count)]


def test_a_list_of_rows_becomes_three_splits(tmp_path: Path) -> None:
    given = rows()
    dataset = prepare(given, tmp_path)
    assert dataset.manifest.sizes == {"train": 36, "dev": 12, "test": 12}
    assert dataset.labels == ["ham", "spam"]
    assert dataset.task == "classification"
    for examples in dataset.splits.values():
        assert examples.gold.dtype == np.int32
        assert examples.rows.dtype == np.int64
        assert examples.pairs is None
        for text, label, row in zip(examples.texts, examples.gold, examples.rows, strict=True):
            assert given[row - 1] == {"text": text, "label": dataset.labels[label]}
    together = np.sort(np.concatenate([examples.rows for examples in dataset.splits.values()]))
    assert together.tolist() == list(range(1, 61))


def test_random_access_slices_and_chunks_agree(tmp_path: Path) -> None:
    examples = prepare(rows(9000), tmp_path).splits["train"]
    picks = [0, 5, len(examples) - 1, 4000]
    assert examples.take(picks) == [(examples.texts[i], None) for i in picks]
    assert examples.texts[-1] == examples.texts[len(examples) - 1]
    assert examples.texts[3:6] == [examples.texts[i] for i in (3, 4, 5)]
    chunks = list(examples.chunks())
    assert [text for chunk in chunks for text in chunk.texts] == list(examples.texts)
    assert np.array_equal(np.concatenate([chunk.rows for chunk in chunks]), examples.rows)
    with pytest.raises(IndexError):
        examples.texts[len(examples)]


def test_pairs_and_given_splits_are_kept_as_they_are(tmp_path: Path) -> None:
    given = {
        split: [{"premise": f"{split} {i}", "hypothesis": f"so {i}", "label": "yn"[i % 2]} for i in range(20)]
        for split in ("train", "dev", "test")
    }
    dataset = prepare(given["train"], tmp_path, dev=given["dev"], test=given["test"])
    assert (dataset.columns.text, dataset.columns.text_pair) == ("premise", "hypothesis")
    for split, examples in dataset.splits.items():
        assert examples.take(range(20)) == [(row["premise"], row["hypothesis"]) for row in given[split]]
        assert examples.rows.tolist() == list(range(1, 21))


def test_only_what_is_missing_is_cut(tmp_path: Path) -> None:
    held = [{"text": f"held {i}", "label": ("ham", "spam")[i % 2]} for i in range(10)]
    only_test = prepare(rows(), tmp_path / "a", test=held)
    assert only_test.manifest.sizes == {"train": 48, "dev": 12, "test": 10}
    only_dev = prepare(rows(), tmp_path / "b", dev=held)
    assert only_dev.manifest.sizes == {"train": 48, "dev": 10, "test": 12}
    assert any("48 train, 12 test rows" in str(line) for line in only_dev.inferences)


def test_a_prepared_folder_is_loaded_and_reused(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(rows()))
    first = prepare(file, tmp_path / "data")
    stamp = (tmp_path / "data" / "train.arrow").stat().st_mtime_ns
    again = prepare(str(file), tmp_path / "data")
    assert (tmp_path / "data" / "train.arrow").stat().st_mtime_ns == stamp
    assert again.manifest == first.manifest == load(tmp_path / "data").manifest
    other = prepare(file, tmp_path / "data", seed=1)
    assert other.digest != first.digest
    with pytest.raises(DataError, match="no prepared data"):
        load(tmp_path / "nothing")


def test_whether_a_folder_is_prepared_is_told_without_writing(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.json", tmp_path / "data"
    file.write_text(json.dumps(rows()))
    assert not is_prepared(file, folder)
    assert not folder.exists()
    prepare(file, folder, label="label")
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
    assert is_prepared(str(file), folder, label="label")
    assert not is_prepared(file, folder)
    assert not is_prepared(file, folder, label="label", seed=1)
    assert not is_prepared(file, folder, label="label", dev=file)
    assert not is_prepared(rows(), folder, label="label")
    file.write_text(json.dumps(rows(62)))
    assert not is_prepared(file, folder, label="label")
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == before


def test_a_frame_is_brought_in_before_it_is_known(tmp_path: Path) -> None:
    prepare(rows(), tmp_path)
    assert not is_prepared(rows(), tmp_path)


def test_a_further_task_of_the_shelf_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match='No task "moods"'):
        prepare(rows(), tmp_path, task="moods")
    names, load = catalogue.names, catalogue.load
    moods = SimpleNamespace(gold="label", inferred=False, pattern=None, focus=())
    monkeypatch.setattr(catalogue, "names", lambda shelf: [*names(shelf), "moods"] if shelf == "tasks" else names(shelf))
    monkeypatch.setattr(catalogue, "load", lambda shelf, name: moods if name == "moods" else load(shelf, name))
    assert prepare(rows(), tmp_path, task="moods").task == "moods"


def test_the_same_rows_have_the_same_digest_in_any_format(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rows())
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.json").write_text(json.dumps(rows()))
    sources = [rows(), frame, *(tmp_path / f"a.{ending}" for ending in ("csv", "tsv", "json", "jsonl", "parquet"))]
    assert len({prepare(source, tmp_path / str(i)).digest for i, source in enumerate(sources)}) == 1


def test_examples_travel_to_another_process(tmp_path: Path) -> None:
    examples = prepare(rows(), tmp_path).splits["dev"]
    assert list(pickle.loads(pickle.dumps(examples)).texts) == list(examples.texts)
