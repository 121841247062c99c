"""Frozen embeddings with a linear model: the base as it is, mean-pooled, and logistic (for numbers ridge) regression on top.

The cheapest neural method: one encoding pass, no training of the base. Fitted on at most 100,000 training rows, a seeded
sample of the longer files; the states stay on disk and are predicted from block by block, so memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from sklearn.preprocessing import StandardScaler

from leantune.baselines._linear import GOLDS, fit_linear, rows_to_fit
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded

BLOCK = 8_192
"""Rows in memory at a time."""


class Embeddings:
    """A linear classifier on frozen states of the base."""

    name: ClassVar[str] = "embeddings"
    title: ClassVar[str] = "frozen embeddings + linear model"
    golds: ClassVar[tuple[str, ...]] = GOLDS

    def fit(self, material: Material) -> Floor:
        """Encode the training texts once and fit the classifier."""
        rows = rows_to_fit(material)
        train = material.embed("train")[rows]
        scale = StandardScaler().fit(train)
        # Standardised features have length sqrt(D); dividing by it lets one grid of C fit every width.
        width = train.shape[1] ** 0.5
        model = fit_linear(scale.transform(train) / width, material, rows)

        def blocks(split: str) -> Iterator[Any]:
            states = material.embed(split)
            for start in range(0, len(states), BLOCK):
                yield scale.transform(states[start : start + BLOCK]) / width

        def predict(split: str) -> Decoded:
            return model.decode(blocks(split))

        return Floor(predict, model.parameters, saved_bytes=4 * model.parameters)


MEMBER = Embeddings()
