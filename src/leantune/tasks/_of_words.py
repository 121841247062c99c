"""What tasks with one tag for each word share.

Loss: cross-entropy at the first token of each word, the mean over words. Prediction: the likeliest tag there; a word in two pieces of a
long sentence is read where it has more context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from leantune.core.human import plural
from leantune.data.encoded import Encoded
from leantune.kinds.task import Answers, Decoded, Marked, Task, listed
from leantune.models.blending import of_labels
from leantune.models.heads import HeadKind
from leantune.models.imitation import divergence
from leantune.scores.labels import confusion, per_label
from leantune.scores.tags import OUTSIDE, are_spans, per_type, tally, type_of
from leantune.scores.tally import Tally

SPAN_METRICS = ("span_f1", "macro_span_f1", "accuracy")
"""Where tags always mark spans."""
NO_TARGET = -100
"""Tokens that begin no word."""
NEVER = -50.0
"""Log-probability of what cannot be."""


class OfWords(Task):
    """One tag for each word."""

    head: ClassVar[HeadKind] = "token"
    pipeline: ClassVar[str] = "token-classification"
    silent: ClassVar[frozenset[str]] = frozenset()
    """Types of spans that do not count."""

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """The tag of each word at its first token; shape (B, T)."""
        del outputs
        assert words is not None
        found = np.full(words.shape, NO_TARGET, dtype=np.int64)
        for place, row in enumerate(rows):
            at = words[place] >= 0
            found[place, at] = np.asarray(gold[row])[words[place, at]]
        return found

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy over words; logits (B, T, C), targets (B, T). 0 for a batch without any word."""
        words = (targets != NO_TARGET).sum().clamp(min=1)
        return cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET, reduction="sum") / words

    def weight(self, targets: Tensor) -> int:
        """The words."""
        return int((targets != NO_TARGET).sum())

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Of the tokens that enter the loss."""
        sought = targets != NO_TARGET
        return divergence(logits[sought], taught[sought], temperature)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """For each piece: (word, tag, probability, context) of the words that begin in it; logits (B, T, C)."""
        assert words is not None
        likely, tags = (part.cpu().numpy() for part in logits.float().softmax(dim=-1).max(dim=-1))
        pieces = [_read(words[place], tags[place], likely[place]) for place in range(len(words))]
        return Decoded(pieces, np.ones(len(pieces), dtype=np.float32))

    def join(
        self,
        decoded: Decoded,
        encoded: Encoded,
        labels: Sequence[str],
        sizes: Sequence[int] | None,
        pairs: Sequence[str] | None = None,
    ) -> Decoded:
        """A tag for every word of every row; the confidence is the mean probability of the tags.

        A word without a token of its own (a lone control character) gets "O", or the first tag.
        """
        del pairs
        assert sizes is not None
        tags = [np.full(size, _silent(labels)) for size in sizes]
        likely, context = ([np.full(size, start) for size in sizes] for start in (1.0, -1.0))
        for row, piece in zip(encoded.rows, decoded.predicted, strict=True):
            for word, tag, probability, around in piece:
                if around > context[row][word]:
                    tags[row][word], likely[row][word], context[row][word] = tag, probability, around
        means = np.array([found.mean() if len(found) else 1.0 for found in likely], dtype=np.float32)
        return Decoded([found.tolist() for found in tags], means)

    def told(self, pieces: Sequence[Marked], labels: Sequence[str], words: int, pair: str | None) -> NDArray[np.float32]:
        """Log-probabilities (words, C), each word read as in `join`."""
        del pair
        found = np.full((words, len(labels)), NEVER, np.float32)
        found[:, _silent(labels)] = 0.0
        context = np.full(words, -1)
        for piece in pieces:
            likely = log_softmax(piece.logits, axis=-1)
            for token in np.flatnonzero(piece.marks >= 0):
                word, around = piece.marks[token], min(token, len(piece.marks) - 1 - token)
                if around > context[word]:
                    found[word], context[word] = likely[token], around
        return found

    def agree(self, told: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
        """Word by word."""
        found: NDArray[np.float32] = of_labels(torch.from_numpy(np.stack(told)), torch.tensor(weights)).numpy()
        return found

    def concluded(self, told: Sequence[NDArray[np.float32]], labels: Sequence[str], pairs: Sequence[str] | None) -> Decoded:
        """The likeliest tag of each word, and the mean of their probabilities."""
        del labels, pairs
        means = np.array([np.exp(row.max(axis=-1)).mean() if len(row) else 1.0 for row in told], np.float32)
        return Decoded([row.argmax(axis=-1).tolist() for row in told], means)

    @staticmethod
    def answer(logits: Any, labels: Any) -> tuple[Any, float]:
        """The likeliest tag of each word and the mean of their probabilities."""
        if not len(logits):
            return [], 1.0
        likely = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return [labels[tag] for tag in likely.argmax(axis=-1).tolist()], float((1 / likely.sum(axis=-1)).mean())

    def distance(self, logits: NDArray[np.float64], answer: Any, labels: Sequence[str]) -> float:
        """Largest difference of the probabilities of a word."""
        if len(answer) != len(logits):
            return 1.0
        likely, names = softmax(logits, axis=-1), list(labels)
        gaps = [float(row.max() - row[names.index(tag)]) for row, tag in zip(likely, answer, strict=True)]
        return max(gaps, default=0.0)

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """Counts per sentence."""
        return tally(metric, gold, predicted, labels, silent=self.silent)

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """One tag for every word."""
        found = {int(tag) for tags in predicted for tag in tags if type_of(labels[int(tag)]) not in self.silent}
        return f'it predicts "{labels[found.pop()]}" for every word of dev' if len(found) == 1 else None

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """Names of the tags."""
        return [labels[int(tag)] for tag in answer]

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """Tags for words."""
        del texts
        return f"Gives each word of a sentence one of {plural(len(labels), 'tag')}: {listed(labels)}."

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """How well each type of entity, or each tag, is found."""
        if are_spans(labels):
            return {"per_label": per_type(gold, predicted, labels, silent=self.silent)}
        right, guess = (np.concatenate([np.asarray(row, dtype=np.int64) for row in rows]) for rows in (gold, predicted))
        matrix = confusion(right, guess, len(labels))
        return {"confusion": matrix.tolist(), "per_label": per_label(matrix, list(labels))}


def _silent(labels: Sequence[str]) -> int:
    """The tag of words that have no token."""
    return list(labels).index(OUTSIDE) if OUTSIDE in labels else 0


def _read(words: NDArray[np.int64], tags: NDArray[np.int64], likely: NDArray[np.float32]) -> list[tuple[int, int, float, int]]:
    """The words of one piece; context is the number of tokens to the nearer end."""
    at = np.flatnonzero(words >= 0)
    return [(int(words[k]), int(tags[k]), float(likely[k]), int(min(k, len(words) - 1 - k))) for k in at]
