"""Where rows can come from: delimiters, encodings, folders, the `datasets` library, and rows for a finished model."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.columns import Columns
from leantune.data.dataset import prepare
from leantune.data.golds.label import Label
from leantune.data.unlabelled import read_labelled, read_rows

ROWS = [{"text": f"message; number {i}", "label": ("ham", "spam")[i % 2]} for i in range(60)]


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_a_csv_file_with_another_delimiter(delimiter: str, name: str, tmp_path: Path) -> None:
    lines = [f'"{row["text"]}"{delimiter}{row["label"]}' for row in ROWS]
    (tmp_path / "a.csv").write_text("\r\n".join([f"text{delimiter}label", *lines]))
    dataset = prepare(tmp_path / "a.csv", tmp_path / "out")
    assert any(str(line).startswith(f"delimiter: {name}") for line in dataset.inferences)
    assert set(dataset.splits["train"].texts) <= {row["text"] for row in ROWS}


def test_a_tsv_file_with_stray_quotes(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("text\tlabel\n" + "".join(f'"open {i}\t{"xy"[i % 2]}\n' for i in range(41)))
    dataset = prepare(tmp_path / "a.tsv", tmp_path / "out")
    assert all(text.startswith('"open') for text in dataset.splits["train"].texts)
    assert any("quotes: part of the text" in str(line) for line in dataset.inferences)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_and_blank_lines(encoding: str, tmp_path: Path) -> None:
    text = "text,label\n\n" + "".join(f"né 房间 {i},{'xy'[i % 2]}\n\n" for i in range(40))
    (tmp_path / "a.csv").write_text(text, encoding=encoding)
    dataset = prepare(tmp_path / "a.csv", tmp_path / "out")
    assert dataset.columns.text == "text"
    assert sum(dataset.manifest.sizes.values()) == 40


def test_a_long_json_array_is_decoded_piece_by_piece(tmp_path: Path) -> None:
    rows = [{"text": f"{i} " + "long text " * 3000, "label": "xy"[i % 2]} for i in range(100)]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=1))
    assert sum(prepare(tmp_path / "a.json", tmp_path / "out").manifest.sizes.values()) == 100
    (tmp_path / "b.json").write_text("\n".join(map(json.dumps, ROWS)))
    assert any("JSON Lines" in str(line) for line in prepare(tmp_path / "b.json", tmp_path / "out").inferences)


def test_a_folder_with_a_file_per_split(tmp_path: Path) -> None:
    for name, part in (("train", ROWS[:40]), ("validation", ROWS[40:50]), ("test", ROWS[50:])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, part)))
    assert prepare(tmp_path, tmp_path / "out").manifest.sizes == {"train": 40, "dev": 10, "test": 10}


def test_datasets_objects_and_saved_folders(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["ham", "spam"])})
    whole = datasets.Dataset.from_list([{**row, "label": int(row["label"] == "spam")} for row in ROWS], features=features)
    unlabelled = datasets.Dataset.from_list([{"text": "who knows", "label": -1}] * 5, features=features)
    assert prepare(whole, tmp_path / "a").labels == ["ham", "spam"]
    split = datasets.DatasetDict(train=whole.select(range(40)), validation=whole.select(range(40, 60)), test=unlabelled)
    dataset = prepare(split, tmp_path / "b")
    assert dataset.manifest.sizes["dev"] == 20
    assert any("split left out" in str(line) for line in dataset.inferences)
    split.save_to_disk(tmp_path / "saved")
    assert prepare(tmp_path / "saved", tmp_path / "c").digest == dataset.digest


def test_a_hub_name_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "datasets":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r'pip install "leantune\[datasets\]"') as caught:
        prepare("stanfordnlp/sst2", tmp_path)
    assert caught.value.code == "E-EXTRA"


def test_rows_to_predict_keep_order_and_columns(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,text\n7,b\n3,\n5,a\n")
    rows = read_rows(tmp_path / "new.csv", tmp_path / "work", Columns(text="text", label="label"))
    (chunk,) = rows.chunks()
    assert (chunk.texts, chunk.pairs, chunk.words) == (["b", "", "a"], None, None)
    assert chunk.rows is not None
    assert chunk.rows.tolist() == [1, 2, 3]
    assert rows.table.columns == ("id", "text")
    with pytest.raises(DataError, match='no column "txt"'):
        read_rows(tmp_path / "new.csv", tmp_path / "work", Columns(text="txt"))


def test_objects_among_rows_to_predict_are_no_texts_but_may_stand_beside_them(tmp_path: Path) -> None:
    rows = [{"text": "a", "more": [1]}, {"text": {"b": 1}, "more": {"c": None}}]
    assert read_rows(rows[:1], tmp_path, Columns(text="text")).table.columns == ("text", "more")
    with pytest.raises(DataError, match=r'row 2, column "text": an object where a text is needed') as caught:
        read_rows(rows, tmp_path, Columns(text="text"))
    assert caught.value.code == "E-TEXT"


def test_labelled_rows_for_a_finished_model(tmp_path: Path) -> None:
    examples, _ = read_labelled(ROWS, tmp_path, Columns(text="text", label="label"), ["eggs", "ham", "spam"], Label())
    assert examples.gold.tolist() == [1, 2] * 30
    with pytest.raises(DataError, match=r'label "spam" \(30 rows\) never occurs'):
        read_labelled(ROWS, tmp_path, Columns(text="text", label="label"), ["eggs", "ham"], Label())
