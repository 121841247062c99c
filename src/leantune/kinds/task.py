"""Task: how rows become a loss, a prediction and a score.

    pieces -> network -> logits -> loss ()                       with the targets of the pieces
                                -> answers of pieces -> answers of rows -> score

Letters: B pieces, T tokens, C outputs. A piece is a row, or a part of a long one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import some
from leantune.core.human import plural
from leantune.core.shown import Piece
from leantune.models.heads import HeadKind, HeadSpec

if TYPE_CHECKING:
    from torch import Tensor

    from leantune.data.encoded import Encoded
    from leantune.scores.tally import Tally

Answers = NDArray[Any] | list[Any]
"""One answer per row: label numbers or numbers as an array, anything else (lists of label numbers, texts) as a list."""


@dataclass(frozen=True)
class Decoded:
    """Predictions of a batch; logits are not kept."""

    predicted: Answers
    confidence: NDArray[np.float32]
    """Probability of the answer, shape (B,)."""


@dataclass(frozen=True)
class Marked:
    """A piece whose tokens have logits."""

    logits: NDArray[np.float32]
    """(T, C)."""
    marks: NDArray[np.int64]
    """(T,) or (T, 2), see `data.encoded.Padded.marks`."""


class Task:
    """Base of every task; a member's file binds `MEMBER` to an instance."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for people."""
    inputs: ClassVar[str]
    """The columns a file needs, for people."""
    gold: ClassVar[str] = "label"
    """Kind of its answers: a name of `data.golds`."""
    inferred: ClassVar[bool] = True
    """Whether a file can be recognised as this task by its answers."""
    pattern: ClassVar[str | None] = None
    """A regular expression that every text of the task has in it; files are recognised by it too."""
    focus: ClassVar[tuple[str, ...]] = ()
    """Usual names of the column that says which words a row is about; empty where a row is about all of it."""
    head: ClassVar[HeadKind] = "sequence"
    """What is read from the body: one state for the whole piece, or one for each token."""
    problem: ClassVar[str | None] = None
    """What `transformers` calls the problem, for its stock heads of the whole piece."""
    writes: ClassVar[bool] = False
    """Whether the model writes its answer token by token; its logits then tell how likely a text is (`decode`)."""
    condenses: ClassVar[bool] = False
    """Whether it is known from others with such answers by how much shorter they are than the texts (`fits`)."""
    scripted: ClassVar[bool] = True
    """Whether an artifact gets a `predict.py`; not where only leantune can draw what is sought."""
    sampled: ClassVar[bool] = False
    """Whether trials keep some test passages with what the model says there, to look at."""
    redraws: ClassVar[bool] = False
    """Whether training may hide other tokens at each visit of a piece."""
    pipeline: ClassVar[str] = "text-classification"
    """What the hub calls it."""
    from_logits: ClassVar[bool] = True
    """Whether the answer of a row follows from its logits alone (`answer`), or needs its text too."""
    metrics: ClassVar[tuple[str, ...]]
    """What a comparison can go by: higher is better."""
    reported: ClassVar[tuple[str, ...]] = ()
    """What is told besides: lower may be better."""

    def fits(self, read: float, written: float) -> str | None:
        """Why rows with so many characters of text and of answers on average are of this task rather than of another one."""
        del read, written
        return None

    def default_metric(self, labels: Sequence[str]) -> str:
        """The field's standard score."""
        del labels
        return self.metrics[0]

    def outputs(self, labels: Sequence[str]) -> int:
        """Width of the logits."""
        return len(labels)

    def head_spec(self, labels: Sequence[str]) -> HeadSpec:
        """What the task wants from the end of a network."""
        return HeadSpec(self.head, list(labels), self.outputs(labels), self.problem)

    def start(self, gold: Answers) -> float | None:
        """What all outputs are at first, given the training answers; None: 0."""
        del gold
        return None

    def targets(self, gold: Answers, rows: NDArray[np.int64], words: NDArray[np.int64] | None, outputs: int) -> NDArray[Any]:
        """What the loss compares the logits of some pieces with.

        Args:
            gold: the answers of all rows.
            rows: (B,) the row of each piece.
            words: the marks of the tokens (see `data.encoded.Padded.marks`): (B, T) words, (B, T, 2) offsets; None where rows are texts.
            outputs: width of the logits.
        """
        del words, outputs
        return np.asarray(gold)[rows].astype(np.int64)

    def sought(self, targets: Tensor) -> Tensor | None:
        """(B, T) the tokens that enter the loss, where the logits are those of a vocabulary and most of them would be for nothing."""
        del targets
        return None

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of a batch, a scalar."""
        raise NotImplementedError

    def weight(self, targets: Tensor) -> int:
        """Number of what the loss of a batch is the mean of: its rows, the tokens that are sought."""
        return len(targets)

    def imitation(self, logits: Tensor, taught: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """How far the logits of a batch are from those of a teacher, a scalar; as `loss` otherwise (`models.imitation`).

        Args:
            logits: of the student.
            taught: of the teacher, in the same shape.
            targets: of the batch; they tell what is padding.
            temperature: over 1 the unlikely answers count for more.
        """
        raise NotImplementedError

    def blend(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Logits (B, C) that stand for what several models say together (`models.blending`); only for tasks whose head is of sequences.

        Args:
            logits: (M, B, C) of the models.
            weights: (M,), over 0, summing to 1.
        """
        raise NotImplementedError

    def told(self, pieces: Sequence[Marked], labels: Sequence[str], words: int, pair: str | None) -> NDArray[np.float32]:
        """What one model says of a row whose tokens have logits, in terms that models with other tokenizers share.

        Args:
            pieces: of the row.
            labels: names of the answers.
            words: of the row, where rows are lists of words.
            pair: its second text; None where there is none.
        """
        raise NotImplementedError

    def agree(self, told: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
        """The weighted mean of what several models told of a row, in the same terms.

        Args:
            told: of each.
            weights: of each, over 0, summing to 1.
        """
        raise NotImplementedError

    def concluded(self, told: Sequence[NDArray[np.float32]], labels: Sequence[str], pairs: Sequence[str] | None) -> Decoded:
        """Answers of rows from what was told of them."""
        raise NotImplementedError

    def decode(self, logits: Tensor, words: NDArray[np.int64] | None) -> Decoded:
        """Answers of pieces.

        Args:
            logits: (B, C) or (B, T, C).
            words: the marks of the tokens, as in `targets`.
        """
        raise NotImplementedError

    def join(
        self,
        decoded: Decoded,
        encoded: Encoded,
        labels: Sequence[str],
        sizes: Sequence[int] | None,
        pairs: Sequence[str] | None = None,
    ) -> Decoded:
        """Answers of rows from those of their pieces, in order.

        Args:
            decoded: of all pieces.
            encoded: which piece belongs to which row.
            labels: names of the answers.
            sizes: words of each row; None where rows are texts.
            pairs: second texts; None where there are none.
        """
        del encoded, labels, sizes, pairs
        return decoded

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """What predictions contribute to a metric, row by row.

        Raises:
            SpecError: E-NAME for an unknown metric, with the nearest valid name.
        """
        raise NotImplementedError

    def errors(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> dict[str, float]:
        """The metrics that are told besides."""
        return {name: self.tally(name, gold, predicted, labels).score() for name in self.reported}

    def collapsed(self, predicted: Answers, labels: Sequence[str]) -> str | None:
        """Why the predictions are no answer to the rows, such as one label for all of them; None when they vary."""
        raise NotImplementedError

    @staticmethod
    def answer(logits: Any, labels: Any) -> tuple[Any, float]:
        """What one row's logits (C,), or (words, C), say, in plain words, and how sure they are.

        Its source is copied into the artifact's `predict.py`, which may do without torch, so it uses numpy only.
        """
        raise NotImplementedError

    def distance(self, logits: NDArray[np.float64], answer: Any, labels: Sequence[str]) -> float:
        """How much less likely an answer is than the best one by one row's logits; 0 for the best, and for one that is tied with it."""
        raise NotImplementedError

    def alike(self, one: str, other: str) -> bool:
        """Whether two answers in plain words are the same but for rounding."""
        return one == other

    def named(self, answer: Any, labels: Sequence[str]) -> Any:
        """An answer as people read it: a label, a number, a list of labels."""
        return labels[int(answer)]

    def plainly(self, text: str) -> str:
        """The text of a row as people read it."""
        return text

    def details(self, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Mapping[str, Any]:
        """A closer look at predictions: fields of `core.records.Inspection`."""
        raise NotImplementedError

    def mistake(self, gold: Any, predicted: Any, confidence: float) -> float:
        """How telling a mistake is, for the list of the worst; 0 for a right answer."""
        return float(confidence) if gold != predicted else 0.0

    def pieces(self, text: str, gold: Any, predicted: Any) -> list[Piece]:
        """The last text of a row in pieces, some of them coloured, to look at a mistake; none where it says enough as it is."""
        del text, gold, predicted
        return []

    def rankings(self, gold: Answers, predicted: Answers) -> list[tuple[float, list[int]]]:
        """Groups of rows that came in a wrong order: score and rows (from 0) in the order of the model, the worst first.

        None where rows stand for themselves.
        """
        del gold, predicted
        return []

    def options(self, predicted: Any, text_pair: str | None) -> list[tuple[str, float]] | None:
        """What a row could have been answered with and how likely each is, where that is a list of the row's own; else None."""
        del predicted, text_pair
        return None

    def describe(self, labels: Sequence[str], texts: str) -> str:
        """What a model of this task does, in one sentence; `texts` is "texts" or "pairs of texts"."""
        return f"Tells {texts} apart by {plural(len(labels), 'label')}: {listed(labels)}."


def listed(labels: Sequence[str]) -> str:
    """Labels in a sentence of Markdown."""
    quoted = [label.replace("`", "'").replace("\n", " ") for label in labels]
    return some([f"`{label}`" for label in quoted], 30)


def in_order(places: NDArray[np.int64], parts: Sequence[Decoded]) -> Decoded:
    """Batches of predictions as one, sorted by their places in the file."""
    if not parts:
        return Decoded([], np.zeros(0, dtype=np.float32))
    order = np.argsort(places, kind="stable")
    confidence = np.concatenate([part.confidence for part in parts])[order]
    answers = [part.predicted for part in parts]
    if all(isinstance(batch, np.ndarray) for batch in answers):
        return Decoded(np.concatenate(answers)[order], confidence)
    flat = [answer for batch in answers for answer in batch]
    return Decoded([flat[place] for place in order], confidence)
