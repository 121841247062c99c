"""Frozen embeddings: of several options the one most like the text, by the cosine of the base's own pooled states. Nothing is trained.

Only for bases whose training made states of whole texts comparable (sentence encoders): pooled states of others say little.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leantune.kinds.baseline import Floor, Material
from leantune.kinds.choices import chosen, closest
from leantune.kinds.task import Decoded


class Similarity:
    """Text and options read apart from each other."""

    name: ClassVar[str] = "similarity"
    title: ClassVar[str] = "frozen embeddings: the option most like the text"
    golds: ClassVar[tuple[str, ...]] = ("choice",)
    pooled: ClassVar[bool] = True

    def fit(self, material: Material) -> Floor:
        """There is nothing to fit."""
        encode = material.encode
        assert encode is not None

        def likeness(texts: list[str], options: list[str]) -> NDArray[np.float64]:
            distinct = {text: place for place, text in enumerate(dict.fromkeys([*texts, *options]))}
            states = encode(list(distinct)).astype(np.float64)
            states /= np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12)
            first, second = ([distinct[text] for text in side] for side in (texts, options))
            cosines: NDArray[np.float64] = np.einsum("nd,nd->n", states[first], states[second])
            return (1 + cosines) / 2  # between 0 and 1, as scores of options are shown

        def predict(split: str) -> Decoded:
            return chosen(pair for chunk in material.splits[split].chunks() for pair in closest(chunk, likeness))

        return Floor(predict, parameters=0, saved_bytes=0)


MEMBER = Similarity()
