"""Text files, by their content: numbered sentences of SemEval-2010 task 8, else passages of plain text."""

from __future__ import annotations

from collections.abc import Iterator

from leantune.data.intake import Format, Intake, in_chunks
from leantune.data.passages import passages
from leantune.data.semeval import is_semeval, sentences
from leantune.data.table import Chunk


def read(intake: Intake) -> Iterator[Chunk]:
    """Chunks of rows."""
    return in_chunks(sentences(intake) if is_semeval(intake) else passages(intake))


MEMBER = Format((".txt",), read)
