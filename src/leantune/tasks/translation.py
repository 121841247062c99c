"""Translation: a text in another language. Score: BLEU as sacrebleu counts it; chrF beside it.

{"source": "Ein Hund läuft.", "target": "A dog runs."}, or two files of lines: "train.{de,en}"
"""

from __future__ import annotations

from typing import ClassVar

from leantune.tasks._written import Written


class Translation(Written):
    """A text in another language."""

    name: ClassVar[str] = "translation"
    summary: ClassVar[str] = "writes a text in another language"
    pipeline: ClassVar[str] = "translation"


MEMBER = Translation()
