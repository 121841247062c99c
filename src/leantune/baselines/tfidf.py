"""TF-IDF with logistic regression: word 1-2-grams and character 2-5-grams.

Seconds on a CPU; on topics and spam often within a point or two of a small encoder.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from leantune.baselines._logistic import fit_logistic
from leantune.data.examples import Examples
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded

MOST_FEATURES = 20_000
"""Per kind of n-gram, so that the fit stays a matter of seconds."""


class TfIdf:
    """Counted n-grams and a linear classifier."""

    name: ClassVar[str] = "tfidf"
    title: ClassVar[str] = "TF-IDF + logistic regression"

    def fit(self, material: Material) -> Floor:
        """Fit vocabulary and classifier on the training texts."""
        words = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, max_features=MOST_FEATURES, token_pattern=r"(?u)\b\w+\b", dtype=np.float32
        )
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, max_features=MOST_FEATURES, dtype=np.float32)
        union = FeatureUnion([("words", words), ("letters", letters)])
        train = material.splits["train"]
        model = fit_logistic(union.fit_transform(_texts(train)), train.labels, material.seed)

        def predict(split: str) -> Decoded:
            return model.decode(union.transform(_texts(material.splits[split])))

        vocabulary = sum(len(term.encode()) + 8 for vectorizer in (words, letters) for term in vectorizer.vocabulary_)
        return Floor(predict, model.parameters, saved_bytes=4 * model.parameters + vocabulary)


def _texts(examples: Examples) -> list[str]:
    """One text per row; the second text of a pair follows the first."""
    if examples.pairs is None:
        return list(examples.texts)
    return [f"{first} \u241e {second}" for first, second in zip(examples.texts, examples.pairs, strict=True)]


MEMBER = TfIdf()
