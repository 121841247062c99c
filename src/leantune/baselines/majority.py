"""Majority class: always the most frequent label of the training rows. On skewed data it makes accuracy look good."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded


class Majority:
    """Always the most frequent label."""

    name: ClassVar[str] = "majority"
    title: ClassVar[str] = "majority class"

    def fit(self, material: Material) -> Floor:
        """Count the training labels."""
        counts = np.bincount(material.splits["train"].labels, minlength=material.n_labels)
        label, share = int(counts.argmax()), float(counts.max() / counts.sum())

        def predict(split: str) -> Decoded:
            rows = len(material.splits[split])
            return Decoded(np.full(rows, label, dtype=np.int32), np.full(rows, share, dtype=np.float32))

        return Floor(predict, parameters=1, saved_bytes=4)


MEMBER = Majority()
