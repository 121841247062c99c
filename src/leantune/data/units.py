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
