"""Texts and labels survive every format unchanged, whatever they are made of."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leantune.core.errors import Problems
from leantune.data.locate import bring_in, locate
from leantune.data.table import Table, TableWriter
from leantune.data.values import to_text
from leantune.data.write import free_names, write_with

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
ROWS = st.lists(st.fixed_dictionaries({"text": TEXT, "label": TEXT}), min_size=1, max_size=8)
FAST = settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])


def read(path: Path) -> list[dict[str, str | None]]:
    table = bring_in(locate(path)[0], path.with_suffix(".arrow"), [])
    return [row for batch in table.batches() for row in batch.to_pylist()]


def write_csv(path: Path, rows: list[dict[str, str]], delimiter: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["text", "label"], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


@FAST
@given(ROWS, st.sampled_from([("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")]))
def test_delimited(rows: list[dict[str, str]], kind: tuple[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind[0]
        write_csv(path, rows, kind[1])
        assert read(path) == rows


@FAST
@given(ROWS, st.sampled_from(["a.json", "a.jsonl"]), st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_json(rows: list[dict[str, str]], name: str, ascii_only: bool, encoding: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
        path.write_text("[" + ",\n".join(lines) + "]" if name == "a.json" else "\n".join(lines), encoding=encoding)
        assert read(path) == rows


@FAST
@given(ROWS, st.sampled_from([".csv", ".tsv", ".json", ".jsonl"]))
def test_written_back_with_more_columns(rows: list[dict[str, str]], ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = TableWriter(Path(folder) / "t.arrow", Problems("t"))
        writer.write({name: [row[name] for row in rows] for name in ("text", "label")})
        names = free_names(["text", "label"], ["label", "score"])
        out = Path(folder) / f"out{ending}"
        write_with(writer.close(), out, names, ((f"p{i}", i / 4) for i in range(len(rows))))
        assert read(out) == [{**row, "predicted_label": f"p{i}", "score": str(i / 4)} for i, row in enumerate(rows)]


def test_labels_stay_what_they_were(tmp_path: Path) -> None:
    labels = ["NA", "None", "null", "01", "1", "1.0", "1e3", "true", "nan", " a", "a"]
    write_csv(tmp_path / "a.csv", [{"text": "t", "label": label} for label in labels], ",")
    assert [row["label"] for row in read(tmp_path / "a.csv")] == labels
    (tmp_path / "a.jsonl").write_text(
        "\n".join(f'{{"label": {value}}}' for value in ('"01"', "1", "1.0", "1e3", "true", "null", '["b", 2]'))
    )
    assert [row["label"] for row in read(tmp_path / "a.jsonl")] == ["01", "1", "1.0", "1e3", "true", None, '["b", 2]']


def test_numbers_are_written_back_as_numbers(tmp_path: Path) -> None:
    given_rows = [
        {"id": 1, "ok": True, "tags": ["a", 2], "text": "x", "mixed": 1},
        {"id": 2, "ok": None, "tags": None, "text": "3", "mixed": "1"},
    ]
    (tmp_path / "a.json").write_text(json.dumps(given_rows))
    table = bring_in(locate(tmp_path / "a.json")[0], tmp_path / "t.arrow", [])
    write_with(table, tmp_path / "out.jsonl", ["score"], [(0.5,), (0.25,)])
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert written == [{**given_rows[0], "mixed": "1", "score": 0.5}, {**given_rows[1], "score": 0.25}]


def test_a_column_that_appears_late_is_null_before(tmp_path: Path) -> None:
    writer = TableWriter(tmp_path / "t.arrow", Problems("t"))
    writer.write({"a": ["1", "2"]})
    writer.write({"b": ["3"], "a": ["4"]})
    writer.write({"b": ["5"]})
    table = writer.close()
    assert Table.open(table.path).columns == ("a", "b")
    assert [row for batch in table.batches(["b", "a"]) for row in batch.to_pylist()] == [
        {"b": None, "a": "1"},
        {"b": None, "a": "2"},
        {"b": "3", "a": "4"},
        {"b": "5", "a": None},
    ]


def test_values_of_numpy_and_pandas() -> None:
    import numpy as np

    assert [to_text(value) for value in (np.int64(3), np.float32(0.5), np.bool_(True), np.float64("nan"))] == ["3", "0.5", "true", None]
