"""Extractive question answering: which span of a text answers the question, or that none does.

    {"question": "When?", "context": "It began in the 1920s.", "answers": {"text": ["1920s"], "answer_start": [16]}}

Long texts are read in overlapping pieces. Loss: cross-entropy of the first and of the last token of the answer, over the tokens of the
text and the first token of the piece, which stands for "not here" (Devlin et al. 2019, arXiv:1810.04805). Prediction: over all pieces of a
row the span with the largest sum of both logits; no answer where "not here" is larger in every piece, if the training rows know of
such rows. Score: F1 of the words; exact match is the other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor

from leantune.core.errors import some
from leantune.core.excerpt import excerpt
from leantune.core.shown import Piece
from leantune.data.encoded import Encoded
from leantune.kinds.task import Answers, Decoded, Marked, Task
from leantune.models.blending import of_spans
from leantune.models.heads import HeadKind
from leantune.models.imitation import divergence
from leantune.scores.answers import METRICS, exact, overlap, tally, texts
from leantune.scores.tally import Tally

LONGEST = 30
"""Tokens of an answer at most."""
_OUTSIDE = -1
"""Target of tokens that no answer can begin or end at."""
_BEST = 20
"""First and last tokens that are tried for each piece."""


_TOLD = 50
"""Spans of a row that are told at most."""


class Answering(Task):
    """A span of the second text."""

    name: ClassVar[str] = "answering"
    summary: ClassVar[str] = "which span of a text answers a question, or that none does"
    inputs: ClassVar[str] = "text (the question), text_pair (the text), label (answers, best with places), as in SQuAD files"
    gold: ClassVar[str] = "spans"
    head: ClassVar[HeadKind] = "span"
    pipeline: ClassVar[str] = "question-answering"
    from_logits: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = METRICS

    def outputs(self, labels: Sequence[str]) -> int:
        """A start and an end."""
        del labels
        return 2

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """(B, T, 2): 1 at the first and at the last token of the answer, -1 where none can be, else 0.

        Both are at the first token where the answer is not whole in the piece, and nowhere where it does not stand in the text at all.
        """
        del outputs
        assert words is not None
        found = np.where(words >= 0, 0, _OUTSIDE).astype(np.float32)
        found[:, 0] = 0
        for place, row in enumerate(rows):
            span = _first_place(gold[row])
            if span is None:
                continue
            first, last = _tokens(words[place], *span) if span[1] > span[0] else (0, 0)
            found[place, first, 0] = found[place, last, 1] = 1
        return found

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean of the cross-entropies of start and end; logits and targets (B, T, 2). 0 for a batch without any target."""
        likely = logits.float().masked_fill(targets == _OUTSIDE, -1e4).log_softmax(dim=1)
        known = (targets == 1).any(dim=1).sum().clamp(min=1)
        return -(likely * (targets == 1)).sum() / known

    def weight(self, targets: Tensor) -> int:
        """Pieces that hold an answer, once for its first and once for its last word."""
        return int((targets == 1).any(dim=1).sum())

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Of starts and ends over the tokens where an answer can be."""
        outside = targets == _OUTSIDE
        one, other = (found.float().masked_fill(outside, -1e4).transpose(1, 2).flatten(0, 1) for found in (logits, taught))
        return divergence(one, other, temperature)

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """For each piece: (score, first character, last character, score of "not here", log of the sum); logits (B, T, 2)."""
        assert words is not None
        pieces = [_best(row, marks) for row, marks in zip(logits.float().cpu().numpy(), words, strict=True)]
        return Decoded(pieces, np.ones(len(pieces), dtype=np.float32))

    def join(
        self,
        decoded: Decoded,
        encoded: Encoded,
        labels: Sequence[str],
        sizes: Sequence[int] | None,
        pairs: Sequence[str] | None = None,
    ) -> Decoded:
        """The text of the best span over all pieces of a row and its probability within its piece; of "not here" the least one."""
        del sizes
        assert pairs is not None
        of_row: list[list[Any]] = [[] for _ in range(len(pairs))]
        for row, piece in zip(encoded.rows, decoded.predicted, strict=True):
            of_row[row].append(piece)
        found = [_chosen(pieces, len(labels) > self.outputs(labels)) for pieces in of_row]
        said = [pairs[row][start:end].strip() for row, (start, end, _) in enumerate(found)]
        return Decoded(said, np.array([likely for *_, likely in found], dtype=np.float32))

    def told(self, pieces: Sequence[Marked], labels: Sequence[str], words: int, pair: str | None) -> NDArray[np.float32]:
        """(K, 3): first character, the one behind the last, log-probability of the likeliest spans over all pieces; (0, 0) for no answer.

        Spaces around a span do not count: some tokenizers take them for a part of the first token.
        """
        del words
        assert pair is not None
        scores = dict[tuple[int, int], float]()
        for piece in pieces:
            tried = _tried(piece.logits, piece.marks)
            for first, last in np.argwhere(np.isfinite(tried.scores)):
                span = _bare(pair, int(piece.marks[tried.firsts[first], 0]), int(piece.marks[tried.lasts[last], 1]))
                scores[span] = max(scores.get(span, -np.inf), float(tried.scores[first, last]))
        if not scores or len(labels) > self.outputs(labels):
            scores[0, 0] = min(float(piece.logits[0].sum()) for piece in pieces)
        likely = log_softmax(list(scores.values()))
        found = sorted((*span, value) for span, value in sorted(zip(scores, likely, strict=True), key=lambda one: -one[1])[:_TOLD])
        return np.array(found, np.float32)

    def agree(self, told: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
        """Span by span."""
        return of_spans(told, weights)

    def concluded(self, told: Sequence[NDArray[np.float32]], labels: Sequence[str], pairs: Sequence[str] | None) -> Decoded:
        """The text of the likeliest span, and its probability among all that were tried."""
        del labels
        best = [row[row[:, 2].argmax()] for row in told]
        said = [text[int(start) : int(end)] for text, (start, end, _) in zip(pairs or [], best, strict=True)]
        return Decoded(said, np.exp(np.array([likely for *_, likely in best], np.float32)))

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """One line per question."""
        del labels
        return tally(metric, [texts(row) for row in gold], list(predicted))

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """The same answer to every question."""
        del labels
        same = set(predicted)
        if len(same) > 1:
            return None
        return f'it answers "{same.pop()}" to every question of dev'

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """The text of an answer; of references all of them."""
        del labels
        return answer if isinstance(answer, str) else some(texts(answer), 3) or "no answer"

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """Nothing beyond the worst rows."""
        del gold, predicted, labels
        return {}

    def mistake(self, gold: Any, predicted: Any, confidence: float) -> float:
        """Confidence, less where words are shared."""
        rights = texts(gold) or [""]
        if any(exact(right, predicted) for right in rights):
            return 0.0
        return float(confidence) * (1 - max(overlap(right, predicted) for right in rights)) + 1e-6

    def pieces(self, text: str, gold: Any, predicted: Any) -> list[Piece]:
        """The true and the predicted answer coloured, with some text around them; what was predicted at the first place where it stands."""
        true, said = _first_place(gold) or (0, 0), text.find(predicted)
        return excerpt(text, {"gold": true, "predicted": (said, said + len(predicted)) if said >= 0 else (0, 0)})

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """A span."""
        del texts
        rest = ", or says that there is none" if len(labels) > self.outputs(labels) else ""
        return f"Finds the answer to a question in a text{rest}."


def _first_place(references: Any) -> tuple[int, int] | None:
    """First character and the one behind it of the first reference; (0, 0) for no answer, None where it does not stand in the text."""
    if not references:
        return 0, 0
    standing = [reference for reference in references if reference["start"] >= 0]
    if not standing:
        return None
    text = standing[0]["text"]
    start = standing[0]["start"] + len(text) - len(text.lstrip())  # spaces around an answer have no tokens
    return start, start + len(text.strip())


def _tokens(marks: NDArray[np.int64], start: int, end: int) -> tuple[int, int]:
    """First and last token of a span; (0, 0) where it is not whole in the piece. Tokens may count the space before a word to it."""
    inside = np.flatnonzero((marks[:, 0] < end) & (marks[:, 1] > start) & (marks[:, 0] >= 0))
    if not len(inside) or marks[inside[0], 0] > start or marks[inside[-1], 1] < end:
        return 0, 0
    return int(inside[0]), int(inside[-1])


class _Tried(NamedTuple):
    """Spans of a piece."""

    firsts: NDArray[np.int64]
    """(A,) first tokens, the likeliest first ..."""
    lasts: NDArray[np.int64]
    """... and (B,) last ones."""
    scores: NDArray[np.float32]
    """(A, B) the sum of both logits; -inf where the last one is before the first one, or too far behind it."""


def _tried(logits: NDArray[np.float32], marks: NDArray[np.int64]) -> _Tried:
    """The likeliest first and last tokens of a piece, each with each."""
    inside = np.flatnonzero(marks[:, 0] >= 0)
    firsts, lasts = (inside[np.argsort(-logits[inside, side], kind="stable")[:_BEST]] for side in (0, 1))
    scores = logits[firsts, 0][:, None] + logits[lasts, 1][None, :]
    length = lasts[None, :] - firsts[:, None]
    return _Tried(firsts, lasts, np.where((length >= 0) & (length < LONGEST), scores, -np.inf))


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the spaces around it; (0, 0) where nothing is left."""
    said = text[start:end]
    start += len(said) - len(said.lstrip())
    return (start, start + len(said.strip())) if said.strip() else (0, 0)


def _best(logits: NDArray[np.float32], marks: NDArray[np.int64]) -> tuple[float, int, int, float, float]:
    """The best span of a piece, the score of "not here", and the log of the sum over all first and last tokens."""
    tried, nothing = _tried(logits, marks), float(logits[0].sum())
    open_places = torch.from_numpy(logits[np.r_[0, np.flatnonzero(marks[:, 0] >= 0)]])
    total = float(open_places.logsumexp(dim=0).sum())
    if not np.isfinite(tried.scores).any():
        return -np.inf, 0, 0, nothing, total
    first, last = np.unravel_index(int(tried.scores.argmax()), tried.scores.shape)
    return float(tried.scores.max()), int(marks[tried.firsts[first], 0]), int(marks[tried.lasts[last], 1]), nothing, total


def _chosen(pieces: Sequence[tuple[float, int, int, float, float]], may_be_none: bool) -> tuple[int, int, float]:
    """First and last character over all pieces of a row and how likely they are; (0, 0) for no answer."""
    score, start, end, _, total = max(pieces)
    nothing, all_of_it = min(piece[3:] for piece in pieces)
    if not np.isfinite(score) or (may_be_none and nothing > score):
        return 0, 0, float(np.exp(min(nothing - all_of_it, 0.0)))
    return start, end, float(np.exp(min(score - total, 0.0)))


MEMBER = Answering()
