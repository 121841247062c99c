"""Encoding: rows become token numbers once per study, flat on disk, shared by every trial.

    <folder>/<key>.ids.npy       all tokens one after another, int32
    <folder>/<key>.marks.npy     int32, beside each token what its kind of pieces (`data.pieces`) marks it with, if anything
    <folder>/<key>.rows.npy      (pieces + 1, 3) int64: where a piece starts, how many of its tokens belong to the first text, its row

The arrays are memory-mapped, so memory does not grow with the data.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leantune.core import catalogue
from leantune.data.encoded import Encoded
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer

CHUNK = 2_000
"""Rows tokenised at a time."""


def encode_rows(tokenizer: Tokenizer, chunk: ExampleChunk, room: Room | int, pieces: str | Pieces = "text") -> Encoded:
    """Encode rows in memory.

    Args:
        tokenizer: of the base.
        chunk: the rows.
        room: how long pieces may become; a number is tokens of a piece.
        pieces: how rows become pieces, a name of `data.pieces` or a kind of its own.
    """
    kind = _kind(pieces)
    parts = list(_parts(kind, tokenizer, [chunk], Room(room) if isinstance(room, int) else room))
    ids, marks = (np.concatenate([np.zeros(0, dtype=np.int32), *(getattr(part, name) for part in parts)]) for name in ("ids", "marks"))
    return _encoded(kind, ids, _bounds(parts), marks)


def encode_to_disk(
    tokenizer: Tokenizer, chunks: Iterable[ExampleChunk], room: Room | int, path: Path, pieces: str | Pieces = "text"
) -> Encoded:
    """Encode chunks of rows into files that start with `path`, or reuse the files that are there.

    The caller puts into the name everything that the result depends on: data, tokenizer, room; the rest is as in `encode_rows`.
    """
    kind = _kind(pieces)
    ids_path, marks_path, rows_path = (path.with_name(f"{path.name}.{name}.npy") for name in ("ids", "marks", "rows"))
    if not rows_path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = []
        raws = [path.with_name(f"{path.name}.{name}.{os.getpid()}.part") for name in ("ids", "marks")]
        with raws[0].open("wb") as ids, raws[1].open("wb") as marks:
            for part in _parts(kind, tokenizer, chunks, Room(room) if isinstance(room, int) else room):
                part.ids.tofile(ids)
                part.marks.tofile(marks)
                parts.append(Part(np.zeros(0, np.int32), part.table, part.rows))
        rows_part = path.with_name(f"{path.name}.{os.getpid()}.part.npy")
        np.save(rows_part, _bounds(parts))
        os.replace(raws[0], ids_path)
        os.replace(raws[1], marks_path)
        os.replace(rows_part, rows_path)  # last: its presence says that all files are whole
    bounds = np.load(rows_path, mmap_mode="r")
    return _encoded(kind, _mapped(ids_path), bounds, _mapped(marks_path))


def _kind(pieces: str | Pieces) -> Pieces:
    found: Pieces = catalogue.load("data.pieces", pieces) if isinstance(pieces, str) else pieces
    return found


def _mapped(path: Path) -> NDArray[np.int32]:
    return np.memmap(path, dtype=np.int32, mode="r") if path.stat().st_size else np.zeros(0, dtype=np.int32)


def _encoded(kind: Pieces, ids: NDArray[np.int32], bounds: NDArray[np.int64], marks: NDArray[np.int32]) -> Encoded:
    beside = None if kind.width == 0 else marks if kind.width == 1 else marks.reshape(-1, kind.width)
    return Encoded(
        ids, bounds[:, 0], bounds[:-1, 1], bounds[:-1, 2], beside, kind.apart, kind.together, kind.asks is not None, kind.pool, kind.drawn
    )


def _parts(kind: Pieces, tokenizer: Tokenizer, chunks: Iterable[ExampleChunk], room: Room) -> Iterator[Part]:
    for chunk in chunks:
        for start in range(0, len(chunk), CHUNK):
            yield kind.cut(tokenizer, chunk.part(slice(start, start + CHUNK)), room)


def _bounds(parts: list[Part]) -> NDArray[np.int64]:
    """(pieces + 1, 3): starts, tokens of the first text, rows (the last line holds the end)."""
    before = np.cumsum([0, *(part.rows for part in parts)])
    tables = [np.add(part.table, (0, 0, offset)) for part, offset in zip(parts, before, strict=False)]
    pieces = np.concatenate([np.zeros((0, 3), dtype=np.int64), *tables])
    starts = np.concatenate([[0], np.cumsum(pieces[:, 0])])
    return np.column_stack([starts, np.append(pieces[:, 1], 0), np.append(pieces[:, 2], before[-1])])
