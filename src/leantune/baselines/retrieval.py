"""TF-IDF retrieval: the cosine of the two texts' word counts, weighted by rarity in the training rows. Nothing is learned from labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded


class Retrieval:
    """Shared rare words."""

    name: ClassVar[str] = "retrieval"
    title: ClassVar[str] = "TF-IDF cosine of the two texts"
    golds: ClassVar[tuple[str, ...]] = ("relevance",)

    def fit(self, material: Material) -> Floor:
        """Count words in both texts of the training rows."""
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
        train = material.splits["train"]
        words.fit(text for chunk in train.chunks() for pair in (chunk.texts, chunk.pairs or []) for text in pair)

        def predict(split: str) -> Decoded:
            parts = [
                np.asarray(words.transform(chunk.texts).multiply(words.transform(chunk.pairs or [])).sum(axis=1)).ravel()
                for chunk in material.splits[split].chunks()
            ]
            likely = np.concatenate([np.zeros(0), *parts])
            return Decoded(likely.astype(np.float64), likely.clip(0, 1).astype(np.float32))

        return Floor(predict, parameters=len(words.vocabulary_), saved_bytes=sum(len(word.encode()) + 8 for word in words.vocabulary_))


MEMBER = Retrieval()
