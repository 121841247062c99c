"""Scores of directed relations: macro F1 over relation types without the null class, as the scorer of SemEval-2010 task 8 counts it.

A type such as Cause-Effect has two directed labels, Cause-Effect(e1,e2) and Cause-Effect(e2,e1). A prediction is right when type and
direction are; precision and recall are counted per type over both directions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from leantune.core.errors import unknown_name
from leantune.scores import f1, labels
from leantune.scores.tally import Combine, Tally

NULL = ("other", "no_relation", "norelation", "no-relation", "na", "n/a", "none", "null", "o")
"""What the label of rows without a relation is called, in lower case."""
_DIRECTION = re.compile(r"\(e[12],\s*e[12]\)$", re.IGNORECASE)


def tally(metric: str, gold: ArrayLike, predicted: ArrayLike, names: Sequence[str]) -> Tally:
    """The tally of a relation metric.

    Args:
        metric: a name of `METRICS`.
        gold: label numbers [rows].
        predicted: label numbers [rows].
        names: of the labels.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    if metric in labels.METRICS:
        return labels.tally(metric, gold, predicted, len(names))
    if metric not in METRICS:
        raise unknown_name("metric", metric, sorted(METRICS))
    kinds, of_label = types(names)
    right, guess = np.asarray(gold, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    hit = _one_hot(np.where(right == guess, of_label[right], -1), len(kinds))
    return Tally.of_rows(
        sparse.csr_matrix(sparse.hstack([hit, _one_hot(of_label[guess], len(kinds)), _one_hot(of_label[right], len(kinds))])), f1.macro
    )


def types(names: Sequence[str]) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int64]]]:
    """The relation types, and for each label the number of its type, -1 for the null class."""
    plain = ["" if name.lower() in NULL else _DIRECTION.sub("", name) for name in names]
    kinds = sorted({kind for kind in plain if kind})
    return kinds, np.array([kinds.index(kind) if kind else -1 for kind in plain], dtype=np.int64)


def _one_hot(numbers: np.ndarray[Any, np.dtype[np.int64]], width: int) -> sparse.csr_matrix:
    """1 in the column of each number; nothing for -1."""
    rows = np.flatnonzero(numbers >= 0)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, numbers[rows])), shape=(len(numbers), width))


METRICS: dict[str, Combine] = {"relation_f1": f1.macro, "accuracy": labels.METRICS["accuracy"], "macro_f1": labels.METRICS["macro_f1"]}
"""Relation metrics by name; all are fractions."""
