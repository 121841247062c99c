"""Rows as token numbers: `Encoded`, all of them flat, and `Padded`, some of them as a rectangle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leantune.data.pieces._pieces import Pool
from leantune.data.units import Units


@dataclass(frozen=True)
class Padded:
    """Pieces padded on the right to the longest one."""

    ids: NDArray[np.int64]
    """(B, T)."""
    mask: NDArray[np.int64]
    """(B, T), 1 where a token stands."""
    types: NDArray[np.int64]
    """(B, T), 1 in the second text."""
    rows: NDArray[np.int64]
    """(B,) the row that a piece belongs to."""
    marks: NDArray[np.int64] | None = None
    """(B, T) or (B, T, 2): what a task needs to find its way back from a token to the row, as the kind of pieces defines it, -1 elsewhere.
    None where a piece is read as a whole. Where a decoder of its own writes: (B, L), its tokens."""
    apart: bool = False
    """Whether the marks belong to a decoder of its own."""
    asks: bool = False
    """Whether something is sought at as many tokens in each piece, and read from there alone."""
    pool: Pool | None = None
    """How the logits of a row come from those of its pieces, which stand together; None where each piece has an answer of its own."""

    @property
    def answered(self) -> NDArray[np.int64]:
        """(B,) the row of each piece; (R,) each row once where its pieces are pooled."""
        return _answered(self.rows, self.pool)

    @property
    def owners(self) -> NDArray[np.int64] | None:
        """(B,) the place in `answered` of the row of each piece, where pieces are pooled."""
        return None if self.pool is None else _owners(self.rows)

    @property
    def asked(self) -> NDArray[np.int64] | None:
        """(B, M) the tokens at which something is sought; the last one where the marks are a decoder's tokens."""
        if not self.asks or self.marks is None:
            return None
        if self.apart:
            return np.full((len(self.marks), 1), self.marks.shape[1] - 1)
        return np.nonzero(self.marks >= 0)[1].reshape(len(self.marks), -1)

    @property
    def marked(self) -> NDArray[np.bool_] | None:
        """(B, T) tokens whose logits are read; None where a piece is read as a whole."""
        if self.marks is None:
            return None
        found: NDArray[np.bool_] = (self.marks if self.marks.ndim == 2 else self.marks[..., 0]) >= 0
        return found


@dataclass(frozen=True)
class Encoded:
    """Token numbers of many rows, flat."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    """(pieces + 1,): piece p is `ids[starts[p]:starts[p + 1]]`."""
    first: NDArray[np.int64]
    """(pieces,): tokens of the first text, special tokens included."""
    rows: NDArray[np.int64]
    """(pieces,): the row that each piece belongs to, rising; where rows are texts, piece r is row r."""
    marks: NDArray[np.int32] | None = None
    """(tokens,) or (tokens, 2) beside each token, see `Padded.marks`; None where a piece is read as a whole."""
    apart: bool = False
    """Whether what stands behind the first text is written by a decoder of its own."""
    together: bool = False
    """Whether the pieces of a row are judged against each other."""
    asks: bool = False
    """See `Padded.asks`."""
    pool: Pool | None = None
    """See `Padded.pool`."""
    drawn: int | None = None
    """Pieces of a row at one visit in training; None for all of them."""

    def __len__(self) -> int:
        return len(self.first)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens per piece."""
        return np.diff(self.starts)

    def tokens(self, *more: int) -> NDArray[np.int64]:
        """All that occur, rising, and some more."""
        return np.unique(np.r_[np.asarray(self.ids, np.int64), np.array(more, np.int64)])

    @property
    def averages(self) -> bool:
        """Whether the pieces of a row ask for the same in other words, so that their logits are averaged."""
        return self.asks and self.together

    @cached_property
    def units(self) -> Units:
        """What batches are made of."""
        return Units.of_rows(self.rows, self.lengths) if self.together or self.pool else Units.single(self.lengths)

    @cached_property
    def visits(self) -> Units:
        """The same in training, where some of the pieces of a row may be drawn."""
        return self.units if self.drawn is None else self.units.at_most(self.drawn)

    def answered(self, pieces: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `Padded.answered`."""
        return _answered(self.rows[pieces], self.pool)

    def pieces_of(self, rows: Sequence[int]) -> NDArray[np.int64]:
        """The pieces of some rows, those of one row after those of another."""
        starts, ends = np.searchsorted(self.rows, rows, "left"), np.searchsorted(self.rows, rows, "right")
        return np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)] or [np.zeros(0, np.int64)])

    def followed_by(self, other: Encoded) -> Encoded:
        """These rows, then those of another split that was read the same way; in memory."""
        marks = None if self.marks is None or other.marks is None else np.concatenate([self.marks, other.marks])
        return replace(
            self,
            ids=np.concatenate([self.ids, other.ids]),
            starts=np.r_[self.starts, self.starts[-1] + other.starts[1:]],
            first=np.r_[self.first, other.first],
            rows=np.r_[self.rows, self.rows[-1] + 1 + other.rows] if len(self) else other.rows,
            marks=marks,
        )

    def owners(self, pieces: NDArray[np.int64]) -> NDArray[np.int64]:
        """(B,) the place in `answered` of the row of each piece; the pieces of a row stand together."""
        return _owners(self.rows[pieces])

    def padded(self, pieces: Sequence[int] | NDArray[np.int64], pad: int) -> Padded:
        """The pieces as rectangles filled up with the token `pad`."""
        starts, ends = self.starts[pieces], self.starts[np.asarray(pieces) + 1]
        if self.apart:
            middles = starts + self.first[pieces]
            ids, mask = rectangle([self.ids[start:end] for start, end in zip(starts, middles, strict=True)], pad)
            marks, _ = rectangle([self.ids[start:end] for start, end in zip(middles, ends, strict=True)], -1)
            return Padded(ids, mask, np.zeros_like(ids), np.asarray(self.rows[pieces]), marks, apart=True, asks=self.asks)
        ids, mask = rectangle([self.ids[start:end] for start, end in zip(starts, ends, strict=True)], pad)
        types = mask * (np.arange(ids.shape[1]) >= np.asarray(self.first[pieces])[:, None])
        marks_of = None
        if self.marks is not None:
            marks_of, _ = rectangle([self.marks[start:end] for start, end in zip(starts, ends, strict=True)], -1)
        return Padded(ids, mask, types, np.asarray(self.rows[pieces]), marks_of, asks=self.asks, pool=self.pool)


def _answered(rows: NDArray[np.int64], pool: Pool | None) -> NDArray[np.int64]:
    return rows if pool is None else rows[_begins(rows)]


def _owners(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.cumsum(_begins(rows)) - 1
    return found


def _begins(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a row begins at each piece."""
    found: NDArray[np.bool_] = np.r_[True, np.diff(rows) != 0]
    return found


def rectangle(rows: Sequence[NDArray[np.int32]], fill: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows (n,) or (n, k) of different n, filled up on the right, and the mask (B, T) of what was not filled."""
    longest = max(len(row) for row in rows)
    found = np.full((len(rows), longest, *rows[0].shape[1:]), fill, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return found, mask
