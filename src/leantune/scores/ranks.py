"""Scores of rankings: mean average precision and mean reciprocal rank. The unit is the group, such as a question with its answers.

Groups without a relevant row say nothing about a ranking and are left out, as is usual for WikiQA and TREC QA. Among rows with the same
score the irrelevant ones come first, so that saying the same of all rows is not rewarded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leantune.core.errors import unknown_name
from leantune.scores.tally import Tally, mean_of_counts

Pairs = Sequence[Sequence[int]] | NDArray[Any]
"""(group, relevance) of each row."""


def tally(metric: str, gold: Pairs, predicted: ArrayLike) -> Tally:
    """The tally of a ranking metric.

    Args:
        metric: a name of `METRICS`.
        gold: (group, relevance) of each row.
        predicted: scores [rows], higher is more relevant.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, sorted(METRICS))
    scores = [METRICS[metric](relevant) for relevant in ranked(gold, predicted) if relevant.any()]
    return Tally.of(np.column_stack([scores, np.ones(len(scores))]) if scores else np.zeros((1, 2)), mean_of_counts)


def ranked(gold: Pairs, predicted: ArrayLike) -> list[NDArray[np.bool_]]:
    """For each group whether the rows are relevant, the highest score first; groups in the order of their first rows."""
    relevant = np.array([row[1] > 0 for row in gold], dtype=bool)
    return [relevant[rows] for rows in ordered(gold, predicted)]


def ordered(gold: Pairs, predicted: ArrayLike) -> list[NDArray[np.int64]]:
    """The rows (from 0) of each group, the highest score first; groups in the order of their first rows."""
    groups, relevant = (np.array([row[place] for row in gold], dtype=np.int64) for place in (0, 1))
    order = np.lexsort((relevant > 0, -np.asarray(predicted, dtype=np.float64)))
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    rows = order[np.argsort(first[number[order]], kind="stable")]
    sizes = np.bincount(number)[np.argsort(first)]
    return np.split(rows, np.cumsum(sizes)[:-1])


def average_precision(relevant: NDArray[np.bool_]) -> float:
    """Mean over the relevant rows of the share of relevant rows down to each."""
    places = np.flatnonzero(relevant)
    return float(((np.arange(len(places)) + 1) / (places + 1)).mean())


def _reciprocal_rank(relevant: NDArray[np.bool_]) -> float:
    return float(1 / (np.argmax(relevant) + 1))


METRICS: dict[str, Callable[[NDArray[np.bool_]], float]] = {"map": average_precision, "mrr": _reciprocal_rank}
"""Ranking metrics by name; all are fractions."""
