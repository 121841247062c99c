"""Scores of what a language model finds likely: perplexity, its inverse, and the share of tokens that it would have said itself.

The unit is the row (a passage, a sentence); every token counts the same, so long rows count more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import unknown_name
from leantune.scores.tally import Array, Combine, Tally, ratio

Rows = Sequence[Sequence[float]] | NDArray[Any]
"""(sum of negative log-likelihoods in nats, tokens, tokens that were the likeliest one) of each row."""


def tally(metric: str, rows: Rows) -> Tally:
    """The tally of a metric.

    Args:
        metric: a name of `METRICS` or `ERRORS`.
        rows: what each row contributes.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    known = METRICS | ERRORS
    if metric not in known:
        raise unknown_name("metric", metric, list(known))
    return Tally.of(np.asarray(rows, dtype=np.float64).reshape(-1, 3), known[metric])


def _likelihood(totals: Array) -> Array:
    """Geometric mean of the probabilities of all tokens; 0 without any."""
    loss, tokens, _ = totals
    return np.where(np.asarray(tokens) > 0, np.exp(-ratio(loss, tokens)), 0.0)


def _accuracy(totals: Array) -> Array:
    _, tokens, right = totals
    return ratio(right, tokens)


def _perplexity(totals: Array) -> Array:
    """Infinite without any token."""
    loss, tokens, _ = totals
    with np.errstate(over="ignore"):
        return np.where(np.asarray(tokens) > 0, np.exp(ratio(loss, tokens)), np.inf)


METRICS: dict[str, Combine] = {"likelihood": _likelihood, "accuracy": _accuracy}
"""Higher is better; both are fractions. The likelihood is 1 / perplexity."""
ERRORS: dict[str, Combine] = {"perplexity": _perplexity}
"""Told besides; lower is better, from 1 upwards."""
