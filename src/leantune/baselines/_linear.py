"""Linear models whose strength of regularisation is chosen on held-out training rows, shared by the linear floors.

Labels: logistic regression. Sets of labels: one for each label. Numbers: ridge regression.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from leantune.kinds.baseline import Material
from leantune.kinds.task import Decoded, in_order

GOLDS = ("label", "levels", "labels", "number")
GRID = (3.0, 30.0)
MOST_ROWS = 4_000
"""Rows used to choose C; the final fit uses all that it is given."""
MOST_FITTED = 100_000
"""Training rows that a linear floor is fitted on, so that its memory does not grow with the data."""


@dataclass(frozen=True)
class Linear:
    """A fitted model."""

    model: Any
    gold: str

    @property
    def parameters(self) -> int:
        """Fitted numbers."""
        models = self.model.estimators_ if self.gold == "labels" else [self.model]
        return sum(one.coef_.size + np.size(one.intercept_) for one in models if hasattr(one, "coef_"))

    def decode(self, blocks: Iterable[Any]) -> Decoded:
        """Answers and their probability for blocks of feature rows (rows, features), one block in memory at a time."""
        parts = [self._decode(features) for features in blocks]
        return in_order(np.arange(sum(len(part.confidence) for part in parts)), parts)

    def _decode(self, features: Any) -> Decoded:
        rows = features.shape[0]
        if self.gold == "number":
            return Decoded(self.model.predict(features), np.ones(rows, np.float32))
        likely = self.model.predict_proba(features)
        if self.gold == "labels":
            sets = [np.flatnonzero(row > 0.5).tolist() for row in likely]
            return Decoded(sets, (np.abs(likely - 0.5).min(axis=1) + 0.5).astype(np.float32))
        best = likely.argmax(axis=1)
        return Decoded(self.model.classes_[best].astype(np.int32), likely[np.arange(rows), best].astype(np.float32))


def rows_to_fit(material: Material) -> NDArray[np.int64]:
    """All training rows in order, or a seeded sample of at most `MOST_FITTED` in order, with a row of each label."""
    gold = material.splits["train"].gold
    if len(gold) <= MOST_FITTED:
        return np.arange(len(gold))
    drawn = np.random.default_rng(material.seed).choice(len(gold), MOST_FITTED, replace=False)
    first = np.unique(gold, return_index=True)[1] if isinstance(gold, np.ndarray) and material.gold != "number" else np.zeros(0, np.int64)
    return np.union1d(first, drawn[len(first) :])


def fit_linear(features: Any, material: Material, rows: NDArray[np.int64]) -> Linear:
    """Choose the regularisation on a held-out part of the given training rows and fit on all of them."""
    gold = material.splits["train"].gold
    if material.gold == "labels":
        answers = MultiLabelBinarizer(classes=range(material.n_labels)).fit_transform([gold[row] for row in rows])
    else:
        answers = np.asarray(gold)[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="Label .* is present in all training examples|Label not")
        c = _best_c(features, answers, material)
        return Linear(_model(c, material.gold).fit(features, answers), material.gold)


def _best_c(features: Any, answers: NDArray[Any], material: Material) -> float:
    order = np.random.default_rng(material.seed).permutation(features.shape[0])[:MOST_ROWS]
    held, fitted = np.split(order, [len(order) // 5])
    if len(held) < 10 or len(np.unique(answers[fitted], axis=0)) < 2:
        return GRID[1]
    scores = {c: _model(c, material.gold).fit(features[fitted], answers[fitted]).score(features[held], answers[held]) for c in GRID}
    return max(GRID, key=lambda c: scores[c])


def _model(c: float, gold: str) -> Any:
    if gold == "number":
        return Ridge(alpha=1 / c)
    # Thirty steps lie within a few tenths of a point of convergence on these problems, at a fraction of the time.
    model = LogisticRegression(C=c, max_iter=30)
    return OneVsRestClassifier(model) if gold == "labels" else model
