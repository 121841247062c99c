"""The answer to the most similar source of the training rows: cosine of their words, weighted by rarity (TF-IDF).

What it scores says how much of the test set is told by rows that are nearly the same. At most 100,000 training rows are searched, a seeded
sample of longer files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from leantune.core.scripts import words
from leantune.data.chat import turns_of
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded

MOST_ROWS = 100_000
"""Training rows that are searched."""
BLOCK = 256
"""Rows that are compared with all of them at a time."""


class Nearest:
    """Says again what was said to the most similar source."""

    name: ClassVar[str] = "nearest"
    title: ClassVar[str] = "answer to the most similar source (TF-IDF)"
    golds: ClassVar[tuple[str, ...]] = ("text", "reply")

    def fit(self, material: Material) -> Floor:
        """Count the words of the training sources."""
        read = _spoken if material.gold == "reply" else words
        train = material.splits["train"]
        rows = np.arange(len(train))
        if len(rows) > MOST_ROWS:
            rows = np.sort(np.random.default_rng(material.seed).choice(rows, MOST_ROWS, replace=False))
        counter = TfidfVectorizer(analyzer=read, sublinear_tf=True, dtype=np.float32)
        sources = counter.fit_transform(text for text, _ in train.take(rows))
        said = [train.gold[row][0] for row in rows]

        def predict(split: str) -> Decoded:
            texts = list(material.splits[split].texts)
            best, likeness = [], []
            for start in range(0, len(texts), BLOCK):
                alike = counter.transform(texts[start : start + BLOCK]) @ sources.T
                places = np.asarray(alike.argmax(axis=1)).ravel()
                best += [said[place] for place in places]
                likeness += np.asarray(alike.max(axis=1).todense()).ravel().tolist()
            return Decoded(best, np.array(likeness, np.float32).clip(0, 1))

        return Floor(predict, parameters=len(counter.vocabulary_), saved_bytes=_size(said) + 8 * sources.nnz + _size(counter.vocabulary_))


def _spoken(conversation: str) -> list[str]:
    """The words of all turns."""
    return [word for turn in turns_of(conversation) for word in words(turn["content"])]


def _size(texts: Iterable[str]) -> int:
    return sum(len(text.encode()) for text in texts)


MEMBER = Nearest()
