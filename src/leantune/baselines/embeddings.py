"""Frozen embeddings with logistic regression: the base model as it is, mean-pooled, and a linear classifier on top.

The cheapest neural method: one encoding pass, no training of the base.
"""

from __future__ import annotations

from typing import ClassVar

from sklearn.preprocessing import StandardScaler

from leantune.baselines._logistic import fit_logistic
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded


class Embeddings:
    """A linear classifier on frozen states of the base."""

    name: ClassVar[str] = "embeddings"
    title: ClassVar[str] = "frozen embeddings + logistic regression"

    def fit(self, material: Material) -> Floor:
        """Encode the training texts once and fit the classifier."""
        train = material.embed("train")
        scale = StandardScaler().fit(train)
        # Standardised features have length sqrt(D); dividing by it lets one grid of C fit every width.
        width = train.shape[1] ** 0.5
        model = fit_logistic(scale.transform(train) / width, material.splits["train"].labels, material.seed)

        def predict(split: str) -> Decoded:
            return model.decode(scale.transform(material.embed(split)) / width)

        return Floor(predict, model.parameters, saved_bytes=4 * model.parameters)


MEMBER = Embeddings()
