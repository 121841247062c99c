"""What a task wants from the end of a network, and the classes of `transformers` that bring it.

sequence    one row of logits for a piece          AutoModelForSequenceClassification    or a linear head on pooled states
token       one row of logits for each token       AutoModelForTokenClassification       or a linear head on token states
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HeadKind = Literal["sequence", "token", "span"]

TASK_TYPES: dict[HeadKind, str] = {"sequence": "SEQ_CLS", "token": "TOKEN_CLS", "span": "QUESTION_ANS"}
"""What `peft` calls them."""


@dataclass(frozen=True)
class HeadSpec:
    """The head of a network."""

    kind: HeadKind
    labels: list[str]
    """Names of the answers."""
    outputs: int
    """Width of the logits."""
    problem: str | None = None
    """What `transformers` calls the problem."""

    @property
    def names(self) -> list[str]:
        """One name for each output: the labels, where there is one for each."""
        return self.labels if len(self.labels) == self.outputs else [f"above {label}" for label in self.labels[: self.outputs]]
