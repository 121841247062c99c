"""Whatever bytes a file is made of, it is read or refused in our own voice; texts that are read are those that stand there."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leantune.core.errors import LeantuneError
from leantune.data.dataset import prepare
from leantune.data.locate import bring_in, locate

FAST = settings(max_examples=40, deadline=None, derandomize=True, database=None)
ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".conll", ".txt", ".parquet")
SEED = ("\n".join(["text,label", *(f'"a, ""text"" {row}",{row % 2}' for row in range(12))]) + "\n").encode()
PIECES = [
    b'"',
    b",",
    b"\t",
    b"\n",
    b"\r",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\u",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x00",
    b"\xc3",
    b"text",
    b"label",
    b"1",
]
BYTES = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))


@pytest.mark.parametrize("ending", ENDINGS)
@FAST
@given(BYTES)
def test_any_bytes_are_rows_or_an_error(ending: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        path.write_bytes(content)
        try:
            table = bring_in(locate(path)[0], Path(folder) / "a.arrow", [])
        except LeantuneError as error:
            said = str(error)
            assert said.startswith(path.name), "the file is named"
            return
        assert table.rows > 0
        assert sum(batch.num_rows for batch in table.batches()) == table.rows


@FAST
@given(st.integers(0, len(SEED) - 1), st.binary(min_size=1, max_size=3))
def test_damage_in_a_good_file_never_shifts_a_row(place: int, damage: bytes) -> None:
    """A row is as it was, or holds the damage; none moves into another column, and none is lost without an error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(SEED[:place] + damage + SEED[place + len(damage) :])
        try:
            table = bring_in(locate(path)[0], Path(folder) / "a.arrow", [])
        except LeantuneError:
            return
        if set(table.columns) != {"text", "label"}:
            return  # the header itself is damaged, which a task tells
        found = [(row["text"], row["label"]) for batch in table.batches() for row in batch.to_pylist()]
        good = {(f'a, "text" {row}', str(row % 2)) for row in range(12)}
        assert len([row for row in found if row not in good]) <= 2


@settings(FAST, max_examples=15)
@given(
    st.lists(
        st.one_of(st.text(max_size=8), st.none(), st.integers(), st.floats(), st.lists(st.integers(), max_size=2)), min_size=3, max_size=12
    )
)
def test_any_values_are_a_data_set_or_an_error(values: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        rows = [json.dumps({"text": value, "label": label}) for value, label in zip(values, reversed(values), strict=True)]
        path.write_text("\n".join(rows), encoding="utf-8")
        try:
            dataset = prepare(path, Path(folder) / "out")
        except LeantuneError:
            return
        assert sum(dataset.manifest.sizes.values()) == len(values)
