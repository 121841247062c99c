"""TF-IDF with logistic (for numbers ridge) regression: word 1-2-grams and character 2-5-grams.

Seconds on a CPU; on topics and spam often within a point or two of a small encoder. Fitted on at most 100,000 training rows, a
seeded sample of the longer files, and predicted chunk by chunk, so memory does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from leantune.baselines._linear import GOLDS, fit_linear, rows_to_fit
from leantune.data.examples import ExampleChunk, Examples
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded

MOST_FEATURES = 20_000
"""Per kind of n-gram, so that the fit stays a matter of seconds."""


class TfIdf:
    """Counted n-grams and a linear classifier."""

    name: ClassVar[str] = "tfidf"
    title: ClassVar[str] = "TF-IDF + linear model"
    golds: ClassVar[tuple[str, ...]] = GOLDS

    def fit(self, material: Material) -> Floor:
        """Fit vocabulary and classifier on the training texts."""
        words = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, max_features=MOST_FEATURES, token_pattern=r"(?u)\b\w+\b", dtype=np.float32
        )
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, max_features=MOST_FEATURES, dtype=np.float32)
        union = FeatureUnion([("words", words), ("letters", letters)])
        train = material.splits["train"]
        rows = rows_to_fit(material)
        model = fit_linear(union.fit_transform(list(_chosen(train, rows))), material, rows)

        def predict(split: str) -> Decoded:
            return model.decode(union.transform(_texts(chunk)) for chunk in material.splits[split].chunks())

        vocabulary = sum(len(term.encode()) + 8 for vectorizer in (words, letters) for term in vectorizer.vocabulary_)
        return Floor(predict, model.parameters, saved_bytes=4 * model.parameters + vocabulary)


def _chosen(examples: Examples, rows: NDArray[np.int64]) -> Iterator[str]:
    """The texts of sorted rows, in one pass."""
    start = 0
    for chunk in examples.chunks():
        texts = _texts(chunk)
        low, high = np.searchsorted(rows, [start, start + len(chunk)])
        yield from (texts[row - start] for row in rows[low:high])
        start += len(chunk)


def _texts(chunk: ExampleChunk) -> list[str]:
    """One text per row; the second text of a pair follows the first."""
    if chunk.pairs is None:
        return chunk.texts
    return [f"{first} \u241e {second}" for first, second in zip(chunk.texts, chunk.pairs, strict=True)]


MEMBER = TfIdf()
