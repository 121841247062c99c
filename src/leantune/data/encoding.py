"""Encoding: rows become token numbers once per study, flat on disk, shared by every trial.

    <folder>/<key>.ids.npy       all tokens one after another, int32
    <folder>/<key>.rows.npy      (rows + 1, 2) int64: where a row starts, how many of its tokens belong to the first text

The arrays are memory-mapped, so memory does not grow with the data.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

CHUNK = 2_000
"""Rows tokenised at a time."""


class Tokenizer(Protocol):
    """The part of a `transformers` tokenizer that is needed here."""

    def __call__(self, text: Any, text_pair: Any = None, **options: Any) -> Any:
        """Encode texts, or pairs of texts."""
        ...


@dataclass(frozen=True)
class Padded:
    """Rows padded on the right to the longest one."""

    ids: NDArray[np.int64]
    """(B, T)."""
    mask: NDArray[np.int64]
    """(B, T), 1 where a token stands."""
    types: NDArray[np.int64]
    """(B, T), 1 in the second text."""


@dataclass(frozen=True)
class Encoded:
    """Token numbers of many rows, flat."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    """(rows + 1,): row r is `ids[starts[r]:starts[r + 1]]`."""
    first: NDArray[np.int64]
    """(rows,): tokens of the first text, special tokens included."""

    def __len__(self) -> int:
        return len(self.first)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens per row."""
        return np.diff(self.starts)

    def padded(self, rows: Sequence[int] | NDArray[np.int64], pad: int) -> Padded:
        """The rows as rectangles filled up with the token `pad`."""
        longest = max(int(self.starts[row + 1] - self.starts[row]) for row in rows)
        ids = np.full((len(rows), longest), pad, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for place, row in enumerate(rows):
            start, end = self.starts[row], self.starts[row + 1]
            ids[place, : end - start] = self.ids[start:end]
            mask[place, : end - start] = 1
            types[place, self.first[row] : end - start] = 1
        return Padded(ids, mask, types)


def encode_rows(tokenizer: Tokenizer, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int) -> Encoded:
    """Encode rows in memory; rows over `max_length` tokens are cut, in pairs the longer text first."""
    return _join(_chunks(tokenizer, [(texts, pairs)], max_length))


def encode_to_disk(
    tokenizer: Tokenizer, chunks: Iterable[tuple[Sequence[str], Sequence[str] | None]], max_length: int, path: Path
) -> Encoded:
    """Encode chunks of (texts, pairs) into files that start with `path`, or reuse the files that are there.

    The caller puts into the name everything that the result depends on: data, tokenizer, `max_length`.
    """
    ids_path, rows_path = path.with_name(f"{path.name}.ids.npy"), path.with_name(f"{path.name}.rows.npy")
    if not rows_path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        bounds = [np.zeros((1, 2), dtype=np.int64)]
        raw = path.with_name(f"{path.name}.ids.{os.getpid()}.part")
        with raw.open("wb") as file:
            for ids, rows in _chunks(tokenizer, chunks, max_length):
                ids.tofile(file)
                bounds.append(rows)
        rows_part = path.with_name(f"{path.name}.{os.getpid()}.part.npy")
        np.save(rows_part, _bounds(bounds))
        os.replace(raw, ids_path)
        os.replace(rows_part, rows_path)  # last: its presence says that both files are whole
    table = np.load(rows_path, mmap_mode="r")
    total = int(table[-1, 0])
    flat = np.memmap(ids_path, dtype=np.int32, mode="r") if total else np.zeros(0, dtype=np.int32)
    return Encoded(flat, table[:, 0], table[:-1, 1])


def _chunks(
    tokenizer: Tokenizer, chunks: Iterable[tuple[Sequence[str], Sequence[str] | None]], max_length: int
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
    """For each chunk its flat tokens and a table (rows, 2) of lengths and first-text lengths."""
    for texts, pairs in chunks:
        for start in range(0, len(texts), CHUNK):
            first = list(texts[start : start + CHUNK])
            second = None if pairs is None else list(pairs[start : start + CHUNK])
            coded = tokenizer(
                first, second, truncation=True, max_length=max_length, return_token_type_ids=True, return_attention_mask=False
            )
            # Decoders put nothing around a text: an empty one would have no token at all, and no state to read.
            filled = [ids or [_filler(tokenizer)] for ids in coded["input_ids"]]
            lengths = [len(ids) for ids in filled]
            seconds = [_second(coded, row) for row in range(len(first))] if second is not None else [0] * len(first)
            flat = np.fromiter((token for ids in filled for token in ids), dtype=np.int32, count=sum(lengths))
            yield flat, np.array([lengths, np.subtract(lengths, seconds)], dtype=np.int64).T


def _filler(tokenizer: Tokenizer) -> int:
    return int(getattr(tokenizer, "pad_token_id", None) or 0)


def _second(coded: Any, row: int) -> int:
    """Tokens of the second text, the special tokens behind it included; 0 where the tokenizer has no token types."""
    return sum(coded["token_type_ids"][row]) if "token_type_ids" in coded else 0


def _bounds(tables: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """(rows + 1, 2): starts and first-text lengths (the last row holds the end)."""
    rows = np.concatenate(tables[1:] or [np.zeros((0, 2), dtype=np.int64)])
    starts = np.concatenate([[0], np.cumsum(rows[:, 0])])
    first = np.concatenate([rows[:, 1], [0]])
    return np.stack([starts, first], axis=1)


def _join(parts: Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]) -> Encoded:
    flats, tables = [np.zeros(0, dtype=np.int32)], [np.zeros((1, 2), dtype=np.int64)]
    for flat, table in parts:
        flats.append(flat)
        tables.append(table)
    bounds = _bounds(tables)
    return Encoded(np.concatenate(flats), bounds[:, 0], bounds[:-1, 1])
