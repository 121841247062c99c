"""Masked language modelling: hidden tokens are found by those around them. Continues the pretraining of an encoder on plain text.

    leantune train corpus.txt --task masked_lm --model bert-base-uncased --method full

Training hides other tokens at each visit of a text (dynamic masking; --masking static: always the same).
"""

from __future__ import annotations

from typing import ClassVar

from leantune.models.heads import HeadKind
from leantune.tasks._language_model import LanguageModel


class MaskedLM(LanguageModel):
    """The hidden tokens."""

    name: ClassVar[str] = "masked_lm"
    summary: ClassVar[str] = "finds hidden tokens of a text by those around them"
    gold: ClassVar[str] = "hidden"
    head: ClassVar[HeadKind] = "masked"
    pipeline: ClassVar[str] = "fill-mask"
    redraws: ClassVar[bool] = True


MEMBER = MaskedLM()
