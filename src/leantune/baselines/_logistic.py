"""Logistic regression with C chosen on held-out training rows, shared by the linear floors."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from leantune.kinds.task import Decoded

GRID = (3.0, 30.0)
MOST_ROWS = 4_000
"""Rows used to choose C; the final fit uses all that it is given."""
MOST_FITTED = 100_000
"""Training rows that a linear floor is fitted on, so that its memory does not grow with the data."""


@dataclass(frozen=True)
class Logistic:
    """A fitted classifier whose classes are label indices."""

    model: LogisticRegression
    parameters: int

    def decode(self, blocks: Iterable[Any]) -> Decoded:
        """Predicted label and its probability for blocks of feature rows (rows, features), one block in memory at a time."""
        labels, confidences = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
        for features in blocks:
            probabilities = self.model.predict_proba(features)
            best = probabilities.argmax(axis=1)
            labels.append(self.model.classes_[best].astype(np.int32))
            confidences.append(probabilities[np.arange(len(best)), best].astype(np.float32))
        return Decoded(np.concatenate(labels), np.concatenate(confidences))


def rows_to_fit(labels: NDArray[np.int32], seed: int) -> NDArray[np.int64]:
    """All rows in order, or a seeded sample of at most `MOST_FITTED` in order, with a row of each label."""
    if len(labels) <= MOST_FITTED:
        return np.arange(len(labels))
    drawn = np.random.default_rng(seed).choice(len(labels), MOST_FITTED, replace=False)
    _, first = np.unique(labels, return_index=True)
    return np.union1d(first, drawn[len(first) :])


def fit_logistic(features: Any, labels: NDArray[np.int32], seed: int) -> Logistic:
    """Choose C on a held-out part of the given rows and fit on all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = _model(_best_c(features, labels, seed)).fit(features, labels)
    return Logistic(model, parameters=model.coef_.size + model.intercept_.size)


def _best_c(features: Any, labels: NDArray[np.int32], seed: int) -> float:
    order = np.random.default_rng(seed).permutation(features.shape[0])[:MOST_ROWS]
    held, fitted = np.split(order, [len(order) // 5])
    if len(held) < 10 or np.unique(labels[fitted]).size < 2:
        return GRID[1]
    scores = {c: _model(c).fit(features[fitted], labels[fitted]).score(features[held], labels[held]) for c in GRID}
    return max(GRID, key=lambda c: scores[c])


def _model(c: float) -> LogisticRegression:
    # Thirty steps lie within a few tenths of a point of convergence on these problems, at a fraction of the time.
    return LogisticRegression(C=c, max_iter=30)
