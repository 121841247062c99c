"""TF-IDF retrieval: the cosine of the two texts' word counts, weighted by rarity in the training rows. Nothing is learned from labels.

Of several options it takes the one that is closest to the text.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from leantune.kinds.baseline import Floor, Material
from leantune.kinds.choices import chosen, closest
from leantune.kinds.task import Decoded


class Retrieval:
    """Shared rare words."""

    name: ClassVar[str] = "retrieval"
    title: ClassVar[str] = "TF-IDF cosine of the two texts"
    golds: ClassVar[tuple[str, ...]] = ("relevance", "choice")

    def fit(self, material: Material) -> Floor:
        """Count words in both texts of the training rows."""
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
        train = material.splits["train"]
        words.fit(text for chunk in train.chunks() for pair in (chunk.texts, chunk.pairs or []) for text in pair)

        def cosines(texts: list[str], seconds: list[str]) -> NDArray[np.float64]:
            return np.asarray(words.transform(texts).multiply(words.transform(seconds)).sum(axis=1), dtype=np.float64).ravel()

        def predict(split: str) -> Decoded:
            parts = [cosines(chunk.texts, chunk.pairs or []) for chunk in material.splits[split].chunks()]
            likely = np.concatenate([np.zeros(0), *parts])
            return Decoded(likely, likely.clip(0, 1).astype(np.float32))

        def choose(split: str) -> Decoded:
            return chosen(pair for chunk in material.splits[split].chunks() for pair in closest(chunk, cosines))

        return Floor(
            choose if material.gold == "choice" else predict,
            parameters=len(words.vocabulary_),
            saved_bytes=sum(len(word.encode()) + 8 for word in words.vocabulary_),
        )


MEMBER = Retrieval()
