"""Tally: what one set of predictions contributes to a score, row by row, in counts that add up.

    score = combine( sum over rows of weight[row] * counts[row] )

Every row gives a short vector of counts, the counts are summed, and the score is a function of the sum. A bootstrap then
resamples weights instead of rows, and needs no second look at the predictions. A row is whatever was sampled: a text, a
sentence with its entities, a question, a group of candidate answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Array = NDArray[Any]
Combine = Callable[[Array], Array]
"""From summed counts, shape [counts, ...], to scores, shape [...]."""


@dataclass(frozen=True)
class Tally:
    """What one set of predictions contributes to a metric, row by row.

    Row `i` contributes `table[codes[i]]`: rows that contribute the same share a line of the table, which makes resampling cheap.
    """

    codes: Array
    """Integers [rows], each a line of `table`."""
    table: sparse.csr_matrix
    """Counts [lines, counts]."""
    combine: Combine

    @classmethod
    def of(cls, statistics: ArrayLike, combine: Combine) -> Tally:
        """From a dense array [units, counts], one line per resampled unit."""
        lines, codes = np.unique(np.asarray(statistics, dtype=np.float64), axis=0, return_inverse=True)
        return cls(codes.reshape(-1), sparse.csr_matrix(lines), combine)

    @classmethod
    def of_rows(cls, counts: sparse.csr_matrix, combine: Combine) -> Tally:
        """From sparse counts, one line per resampled unit."""
        return cls(np.arange(counts.shape[0]), counts, combine)

    @property
    def rows(self) -> int:
        """Units that were scored."""
        return len(self.codes)

    def score(self, weights: ArrayLike | None = None) -> float:
        """The metric; `weights` [rows] count rows more than once or not at all."""
        per_line = np.bincount(
            self.codes, None if weights is None else np.asarray(weights, dtype=np.float64), minlength=self.table.shape[0]
        )
        return float(self.combine(self.table.T @ per_line))


def ratio(above: Array, below: Array) -> Array:
    """Quotient; 0 where it is not defined."""
    out: Array = np.divide(above, below, out=np.zeros(np.shape(below)), where=np.asarray(below) > 0)
    return out


def mean_of_counts(totals: Array) -> Array:
    """Sum of row scores over rows: accuracy and every other metric that is a mean."""
    return ratio(totals[0], totals[1])
