"""TSV: as CSV with tabs; quotes count only when they close (see `dialect`)."""

from __future__ import annotations

from collections.abc import Iterator

from leantune.data.formats.csv import read_delimited
from leantune.data.intake import Format, Intake
from leantune.data.table import Chunk


def read(intake: Intake) -> Iterator[Chunk]:
    """Chunks of a tab-separated file."""
    return read_delimited(intake, preferred="\t")


MEMBER = Format((".tsv", ".tab"), read)
