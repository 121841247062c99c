"""JSON Lines: one object per physical line; every bad line is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leantune.data.intake import Format, Intake, in_chunks
from leantune.data.objects import DECODER, fault, object_fault
from leantune.data.table import Chunk


def read(intake: Intake) -> Iterator[Chunk]:
    """Chunks of a file with one JSON object per line; blank lines are skipped."""
    return in_chunks(_rows(intake))


def _rows(intake: Intake) -> Iterator[dict[str, Any]]:
    count, waiting, blank = 0, list[int](), list[int]()
    with intake.path.open(encoding=intake.encoding, newline="\n") as file:
        for line, text in enumerate(file, 1):
            stripped = text.strip()
            if not stripped:
                waiting.append(line)
                continue
            blank += waiting
            waiting.clear()
            count += 1
            value = _value(stripped, line, intake)
            if value is not None:
                yield value
            elif intake.full:
                return
    intake.note_blank(blank)
    if count == 0:
        intake.problems.add('the file is empty. It needs one object per line, such as {"text": "...", "label": "..."}.', "E-FORMAT")


def _value(text: str, line: int, intake: Intake) -> dict[str, Any] | None:
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        intake.problems.add(f"line {line}: {fault(error, text) if isinstance(error, ValueError) else 'nested too deeply'}.", "E-FORMAT")
        return None
    wrong = object_fault(value)
    if wrong:
        intake.problems.add(f"line {line}: {wrong}.", "E-FORMAT")
        return None
    return dict(value)


MEMBER = Format((".jsonl", ".ndjson"), read)
