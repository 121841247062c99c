"""Frozen embeddings with logistic regression: the base model as it is, mean-pooled, and a linear classifier on top.

The cheapest neural method: one encoding pass, no training of the base. Fitted on at most 100,000 training rows, a seeded
sample of the longer files; the states stay on disk and are predicted from block by block, so memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from sklearn.preprocessing import StandardScaler

from leantune.baselines._logistic import fit_logistic, rows_to_fit
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded

BLOCK = 8_192
"""Rows in memory at a time."""


class Embeddings:
    """A linear classifier on frozen states of the base."""

    name: ClassVar[str] = "embeddings"
    title: ClassVar[str] = "frozen embeddings + logistic regression"

    def fit(self, material: Material) -> Floor:
        """Encode the training texts once and fit the classifier."""
        labels = material.splits["train"].labels
        rows = rows_to_fit(labels, material.seed)
        train = material.embed("train")[rows]
        scale = StandardScaler().fit(train)
        # Standardised features have length sqrt(D); dividing by it lets one grid of C fit every width.
        width = train.shape[1] ** 0.5
        model = fit_logistic(scale.transform(train) / width, labels[rows], material.seed)

        def blocks(split: str) -> Iterator[Any]:
            states = material.embed(split)
            for start in range(0, len(states), BLOCK):
                yield scale.transform(states[start : start + BLOCK]) / width

        def predict(split: str) -> Decoded:
            return model.decode(blocks(split))

        return Floor(predict, model.parameters, saved_bytes=4 * model.parameters)


MEMBER = Embeddings()
