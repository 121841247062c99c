"""Units: what a batch of training is made of. A unit is a piece, or a row whose pieces are judged against each other and stay together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Units:
    """Runs of consecutive pieces."""

    starts: NDArray[np.int64]
    """(units + 1,): unit u is the pieces from `starts[u]` up to `starts[u + 1]`."""
    lengths: NDArray[np.int64]
    """(units,): tokens, padded to the longest piece of the unit."""
    most: int | None = None
    """Pieces of a unit that are taken at a time; None for all."""

    @classmethod
    def single(cls, lengths: NDArray[np.int64]) -> Units:
        """Each piece is one; `lengths` are their tokens."""
        return cls(np.arange(len(lengths) + 1), lengths)

    @classmethod
    def of_rows(cls, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> Units:
        """The pieces of a row are one.

        Args:
            rows: (pieces,) the row of each piece, rising.
            lengths: (pieces,) tokens.
        """
        firsts = np.flatnonzero(np.r_[True, np.diff(rows) != 0])
        starts = np.r_[firsts, len(rows)]
        return cls(starts, np.maximum.reduceat(lengths, firsts) * np.diff(starts))

    def at_most(self, most: int) -> Units:
        """The same with at most so many pieces of a unit at a time."""
        sizes = np.diff(self.starts)
        return Units(self.starts, self.lengths // sizes * np.minimum(sizes, most), most)

    def __len__(self) -> int:
        return len(self.lengths)

    def pieces(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the pieces of some units, in their order.

        >>> Units.of_rows(np.array([0, 0, 1]), np.array([5, 7, 9])).pieces(np.array([1, 0]))
        array([2, 0, 1])
        """
        sizes = self.starts[units + 1] - self.starts[units]
        before = np.cumsum(sizes) - sizes
        found: NDArray[np.int64] = np.repeat(self.starts[units] - before, sizes) + np.arange(sizes.sum())
        return found

    def drawn(self, units: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """The same, of larger units than are taken at a time some at random, in their order."""
        if self.most is None:
            return self.pieces(units)
        return np.concatenate([self._some(self.pieces(units[[place]]), self.most, random) for place in range(len(units))])

    @staticmethod
    def _some(pieces: NDArray[np.int64], most: int, random: np.random.Generator) -> NDArray[np.int64]:
        return pieces if len(pieces) <= most else np.sort(random.choice(pieces, most, replace=False))
