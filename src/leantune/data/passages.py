"""Plain text as rows of passages: paragraphs between blank lines, or lines up to about 2,000 characters where there are none.

A paragraph that is longer ends with the line that reaches so many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leantune.data.intake import Inference, Intake

LONGEST = 2_000
"""Characters from which on a passage ends with its line."""


def passages(intake: Intake) -> Iterator[dict[str, Any]]:
    """The rows of a text file: text. Lines of a passage stay lines."""
    lines, size, blank, cut, rows = list[str](), 0, 0, 0, 0
    with intake.path.open(encoding=intake.encoding) as file:
        for line in map(str.rstrip, file):
            if line:
                lines.append(line)
                size += len(line) + 1
            if lines and (not line or size >= LONGEST):
                yield {"text": "\n".join(lines)}
                blank, cut, rows = blank + (not line), cut + bool(line), rows + 1
                lines, size = [], 0
    if lines:
        yield {"text": "\n".join(lines)}
        rows += 1
    if not rows:
        intake.problems.add("the file is empty.", "E-FORMAT")
        return
    most = f"about {LONGEST:,} characters"
    ends = f"blank lines end them, and {cut:,} end at {most}" if blank else f"lines up to {most}"
    intake.inferences.append(Inference(what="passages", value=f"{rows:,} of {intake.path.name}", why=ends))
