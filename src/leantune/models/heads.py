"""What a task wants from the end of a network, and the classes of `transformers` that bring it.

sequence    one row of logits for a piece          AutoModelForSequenceClassification    or a linear head on pooled states
token       one row of logits for each token       AutoModelForTokenClassification       or a linear head on token states
span        a start and an end for each token      AutoModelForQuestionAnswering
text        the next token at each token           AutoModelForSeq2SeqLM where a decoder of its own writes, else AutoModelForCausalLM
masked      the hidden token at each token         AutoModelForMaskedLM
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Word = tuple[tuple[int, ...], ...]
"""Tokens of a label word at each mask."""
HeadKind = Literal["sequence", "token", "span", "text", "masked"]

VOCABULARY: frozenset[HeadKind] = frozenset({"text", "masked"})
"""Heads whose outputs are the tokens of the vocabulary: the base brings them trained, or tied to its embeddings."""
_TASK_TYPES = {"sequence": "SEQ_CLS", "token": "TOKEN_CLS", "span": "QUESTION_ANS", "masked": "FEATURE_EXTRACTION"}


def task_type(kind: HeadKind, config: Any) -> str:
    """What `peft` calls a task on a body with this configuration."""
    if kind == "text":
        return "SEQ_2_SEQ_LM" if is_transducer(config) else "CAUSAL_LM"
    return _TASK_TYPES[kind]


def is_transducer(config: Any) -> bool:
    """Whether a decoder of its own reads what an encoder made of the text."""
    return bool(getattr(config, "is_encoder_decoder", False))


def pieces_of(kind: str, config: Any) -> str:
    """The kind of pieces that suits the body: an encoder-decoder reads the source apart from what it writes."""
    return "transduced" if kind == "continued" and is_transducer(config) else kind


@dataclass(frozen=True)
class SoftSpec:
    """Soft tokens of a prompt (`models.soft_tokens`)."""

    starts: tuple[int, ...]
    """The token that each starts from; negative where it is drawn."""
    drawn_from: tuple[int, ...] = ()
    """Tokens from which these are drawn."""
    encoder: Literal["lstm", "mlp"] | None = None
    """The network that moves them together while training."""


@dataclass(frozen=True)
class HeadSpec:
    """The head of a network."""

    kind: HeadKind
    labels: list[str]
    """Names of the answers."""
    outputs: int
    """Width of the logits; 0 for that of the vocabulary."""
    problem: str | None = None
    """What `transformers` calls the problem."""
    words: tuple[tuple[Word, ...], ...] = ()
    """The words of each label, where labels are read from the vocabulary (`models.verbalizer`)."""
    priors: tuple[tuple[float, ...], ...] = ()
    """What is subtracted from the log-probability of each word; empty for nothing."""
    soft: bool = False
    """Whether a linear head that starts from these words is trained in their place."""
    anchored: bool = False
    """Whether a linear head reads states of length 1: it starts from the directions of the words of the labels, or is computed."""
    contrast: float | None = None
    """Rows are contrasted with each other too, and tied to where the base had them with this weight; None: cross-entropy alone."""
    penalty: float = 0.0
    """How strongly that head is drawn back to the words."""
    soft_tokens: SoftSpec | None = None
    """Trained vectors in the text; None without any."""

    @property
    def names(self) -> list[str]:
        """One name for each output: the labels, where there is one for each."""
        return self.labels if len(self.labels) == self.outputs else [f"above {label}" for label in self.labels[: self.outputs]]
