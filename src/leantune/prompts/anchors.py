"""Anchors: the words of each label as points among the texts of a sentence encoder, which has no vocabulary to ask.

    b_c = mean over words w of c of unit(mean over label templates t of unit(pool(body(t(w)))))       z_c = s unit(x) (b_c - mean b)

`anchors | frozen` answers with the nearest one; every other method starts from there, and the computed heads (prototypes, logistic,
averaged) count the words like some rows more; `loss=contrast` tunes the body so that rows of a label come together around its words,
and then averages them with such a head.
Templates stand around the label: "This text is about {label}."

Reference: Chang et al. 2008, dataless classification; templates averaged: Radford et al. 2021, arXiv:2103.00020.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from leantune.core.errors import some
from leantune.core.link import LinkCard
from leantune.core.wording import Wording, spoken
from leantune.data.examples import ExampleChunk
from leantune.kinds.prompt import Oracle, Prompt, Rows, Setting, Settled
from leantune.models.heads import HeadSpec
from leantune.models.label_bank import LabelBank, bank_of, unit
from leantune.prompts._script import is_chinese

if TYPE_CHECKING:
    from leantune.data.pieces._pieces import Pieces

USUAL = ("{label}", "This text is {label}.", "This text is about {label}.", "It was {label}.")
"""Templates where none is given; several, because one alone is a matter of luck."""
CHINESE = ("{label}", "这是{label}。", "这段文字是{label}。", "这段文字是关于{label}的。")
"""The same around Chinese words."""
MEANINGLESS = (
    "label words not used at all: the training rows of a label are no nearer to its words than other rows are."
    " Labels begin at the mean of their rows; words that say what the labels mean go into --labels"
)


class AnchorsPrompt(Prompt):
    """The words of the labels as points among the texts."""

    words: Literal["tested", "given"] = "tested"
    """Words that are clearly nearer to the rows of other labels are left out, and all where they part no rows,
    which looks at the training rows; or all are taken."""

    loss: Literal["cross_entropy", "contrast"] = "cross_entropy"
    """What a method that changes the body is trained with: cross-entropy, or contrast of rows and words (`models.contrast`)."""
    tie: float = Field(default=1.0, ge=0)
    """Contrast: how strongly states are held where the base had them."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Label words as anchors",
        paper="Chang et al. 2008, AAAI; Radford et al. 2021, arXiv:2103.00020",
        when="few labelled rows, or none, and a sentence encoder: what labels are called says where their texts lie",
    )

    @property
    def settles(self) -> bool:
        """Whether words are tested on the training rows."""
        return self.words == "tested"

    def unsupported(self, setting: Setting) -> str | None:
        """Tasks without labels of their own, bases without a pooling of their own, labels that are numbers."""
        if setting.task.problem != "single_label_classification":
            return f"anchors say one label for a row, which {setting.task.name} does not have"
        if setting.base.pooling == "stock":
            return f"{setting.base.name} is no sentence encoder (it has no pooling of its own), so its words and texts are not comparable"
        if self.loss == "contrast" and setting.long.windows:
            return f"contrast reads a row as one piece, not by --long {setting.long}; use another way or loss=cross_entropy"
        return setting.silence

    def pieces(self, setting: Setting) -> Pieces | None:
        """Rows as they are without a prompt."""
        del setting
        return None

    def head(self, setting: Setting) -> HeadSpec:
        """A linear head on states of length 1 that starts from the words."""
        contrast = self.tie if self.loss == "contrast" else None
        return replace(setting.task.head_spec(setting.labels), anchored=True, contrast=contrast)

    def apart(self, setting: Setting) -> list[Wording]:
        """Each template around the labels for itself."""
        return [setting.wording.model_copy(update={"templates": (template,)}) for template in _around(setting.wording)]

    def said(self, setting: Setting) -> list[list[list[str]]]:
        """The texts of each word of each label, in every template."""
        templates = _around(setting.wording)
        return [[[spoken(template, word) for template in templates] for word in setting.wording.words[label]] for label in setting.labels]

    def settle(self, setting: Setting, rows: Rows, oracle: Oracle, seed: int) -> Settled:
        """Leave out the words that would do harm on these rows, and all of them where they mean nothing."""
        del seed
        states = unit(oracle.states(rows.chunk).astype(np.float64))
        bank = bank_of(self.said(setting), lambda texts: oracle.states(ExampleChunk(texts)))
        if not bank.means_something(states, rows.gold):
            nothing: dict[str, tuple[str, ...]] = dict.fromkeys(setting.labels, ())
            return Settled(setting.wording.model_copy(update={"words": nothing}), [MEANINGLESS])
        bank = bank.tested(states, rows.gold)
        words = {
            label: tuple(word for word, used in zip(setting.wording.words[label], kept, strict=True) if used)
            for label, kept in zip(setting.labels, bank.used, strict=True)
        }
        return Settled(setting.wording.model_copy(update={"words": words}), _notes(setting, bank))


def _around(wording: Wording) -> tuple[str, ...]:
    """The templates around the labels: those given, else the usual ones in the language of the words."""
    return wording.around_labels or (CHINESE if is_chinese(wording) else USUAL)


def _notes(setting: Setting, bank: LabelBank) -> list[str]:
    dropped = [f'"{setting.wording.words[setting.labels[label]][word]}" of {setting.labels[label]}' for label, word in bank.dropped()]
    return [f"label words not used, because they are nearer to the rows of other labels: {some(dropped)}"] if dropped else []


MEMBER = AnchorsPrompt
