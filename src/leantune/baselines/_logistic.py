"""Logistic regression with C chosen on held-out training rows, shared by the linear floors."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from leantune.kinds.task import Decoded

GRID = (3.0, 30.0)
MOST_ROWS = 4_000
"""Rows used to choose C; the final fit uses all."""


@dataclass(frozen=True)
class Logistic:
    """A fitted classifier whose classes are label indices."""

    model: LogisticRegression
    parameters: int

    def decode(self, features: Any) -> Decoded:
        """Predicted label and its probability for feature rows (rows, features)."""
        probabilities = self.model.predict_proba(features)
        best = probabilities.argmax(axis=1)
        confidence = probabilities[np.arange(len(best)), best]
        return Decoded(self.model.classes_[best].astype(np.int32), confidence.astype(np.float32))


def fit_logistic(features: Any, labels: NDArray[np.int32], seed: int) -> Logistic:
    """Choose C on a held-out part of the training rows and fit on all of them."""
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
