"""Summarization: a short text of a long one. Score: ROUGE-L as rouge_score counts it; ROUGE-1 and ROUGE-2 beside it.

{"document": "...", "summary": "..."}
"""

from __future__ import annotations

from typing import ClassVar

from leantune.tasks._written import Written

LONG = 250
"""Characters of a text that may be worth a summary."""
SHORTER = 2.5
"""How much shorter a summary is at least."""


class Summarization(Written):
    """A short text of a long one."""

    name: ClassVar[str] = "summarization"
    summary: ClassVar[str] = "writes a short text of a long one"
    inferred: ClassVar[bool] = False
    condenses: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("rougeL", "rouge1", "rouge2", "bleu", "chrf", "exact")
    pipeline: ClassVar[str] = "summarization"

    def fits(self, read: float, written: float) -> str | None:
        """Long texts and much shorter ones to write."""
        if read < LONG or SHORTER * written > read:
            return None
        return f"texts of {read:,.0f} characters on average, and {written:,.0f} to write"


MEMBER = Summarization()
