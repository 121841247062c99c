"""Reader: whatever answers rows, an artifact of one model or of several.

predict(["my card was declined"])      ->  [Prediction(label="card", score=0.98)]
predict([("premise", "hypothesis")])       for models of pairs
predict([["Karl", "Ove", "sings"]])        for models that tag words
predict([(["We", "sold", "it"], 1)])       for models of roles: the words and the place of the predicate
predict([("a question", ["one option", "another"])])     for models that choose
predict(["a [MASK] day"])                   a masked language model fills the masks of its tokenizer
predict([[{"role": "user", "content": "Hello"}]])          for models that chat; a text is what the user says
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.artifact.manifest import Manifest
from leantune.artifact.rows import Focused, Row, chunk_of
from leantune.data.examples import ExampleChunk
from leantune.kinds.task import Decoded, Task


@dataclass(frozen=True)
class Prediction:
    """What the model says about one row."""

    label: Any
    """A label; a number, a list of labels or of tags where the task asks for that."""
    score: float
    """Probability of the answer, 0 to 1."""


class Reader:
    """Rows in, answers out."""

    manifest: Manifest
    task: Task

    @property
    def labels(self) -> list[str]:
        """Names of the answers."""
        return self.manifest.facts.labels

    @property
    def reads_words(self) -> bool:
        """Whether a row is a list of words."""
        return self.manifest.facts.words

    def predict(self, rows: Sequence[Row] | Sequence[Focused]) -> list[Prediction]:
        """Answer and score of each row, in the order given.

        Args:
            rows: texts, (text, pair) tuples for a model of pairs, lists of words for a model that tags them, (text, options) for one that
                chooses, (words, place) for one of roles; places from 0, and two numbers are a span where they were one in the training.

        Raises:
            DataError: E-TEXT when a row is of another kind than the model reads.
        """
        decoded = self.said(chunk_of(rows, self.manifest.facts, self.task.pattern))
        found = zip(decoded.predicted, decoded.confidence, strict=True)
        return [Prediction(self.task.named(answer, self.labels), float(score)) for answer, score in found]

    def logits(self, rows: Sequence[Row] | Sequence[Focused]) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Logits (rows, outputs), in the order given.

        A list of (tokens, outputs) of the first pieces where tokens are read, of (options,) where rows have options.
        """
        return self.read(chunk_of(rows, self.manifest.facts, self.task.pattern))

    def said(self, chunk: ExampleChunk) -> Decoded:
        """As `decode`, but a masked language model fills the masks that stand in a text."""
        return self.decode(chunk)

    def decode(self, chunk: ExampleChunk) -> Decoded:
        """Answers of rows as the task codes them, and their scores."""
        raise NotImplementedError

    def read(self, chunk: ExampleChunk) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Logits of rows, see `logits`."""
        raise NotImplementedError

    def cut(self, texts: Sequence[str]) -> list[int]:
        """Places of the first texts whose end is not read, for a model that needs the room for the second ones."""
        raise NotImplementedError

    def shortened(self, chunk: ExampleChunk) -> list[int]:
        """Places of rows that are longer than what is read of them; none where all of a row is read in several pieces."""
        raise NotImplementedError
