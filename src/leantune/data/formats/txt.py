"""Text files, by their content: numbered sentences of SemEval-2010 task 8 so far."""

from __future__ import annotations

from collections.abc import Iterator

from leantune.data.intake import Format, Intake, in_chunks
from leantune.data.semeval import is_semeval, sentences
from leantune.data.table import Chunk


def read(intake: Intake) -> Iterator[Chunk]:
    """Chunks of rows; plain text is refused."""
    if is_semeval(intake):
        return in_chunks(sentences(intake))
    intake.problems.add(
        "a .txt file is read only where it holds numbered sentences of SemEval-2010 task 8, and this one does not start with one. "
        "Write rows as CSV or JSON Lines with a text and a label.",
        "E-FORMAT",
    )
    return iter(())


MEMBER = Format((".txt",), read)
