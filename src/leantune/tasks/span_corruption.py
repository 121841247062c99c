"""Span corruption: an encoder-decoder writes the spans that were taken out of a text (T5). Continues its pretraining on plain text.

leantune train corpus.txt --task span_corruption --model t5-small --method full
"""

from __future__ import annotations

from typing import ClassVar

from leantune.models.heads import HeadKind
from leantune.tasks._language_model import LanguageModel


class SpanCorruption(LanguageModel):
    """The spans that were taken out."""

    name: ClassVar[str] = "span_corruption"
    summary: ClassVar[str] = "finds spans that were taken out of a text"
    gold: ClassVar[str] = "torn"
    scripted: ClassVar[bool] = False
    head: ClassVar[HeadKind] = "text"
    pipeline: ClassVar[str] = "text-generation"


MEMBER = SpanCorruption()
