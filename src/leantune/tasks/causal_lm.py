"""Causal language modelling: each token is found by those before it. Continues the pretraining of a decoder on plain text.

leantune train corpus.txt --task causal_lm --model gpt2 --method full
"""

from __future__ import annotations

from typing import ClassVar

from leantune.models.heads import HeadKind
from leantune.tasks._language_model import LanguageModel


class CausalLM(LanguageModel):
    """The next token."""

    name: ClassVar[str] = "causal_lm"
    summary: ClassVar[str] = "finds each token of a text by those before it"
    gold: ClassVar[str] = "following"
    head: ClassVar[HeadKind] = "text"
    pipeline: ClassVar[str] = "text-generation"


MEMBER = CausalLM()
