"""Files of SemEval-2010 task 8 (Hendrickx et al. 2010): a numbered sentence in quotes with two marked things, its relation, a comment.

    1	"The <e1>fire</e1> was caused by <e2>lightning</e2>."
    Cause-Effect(e2,e1)
    Comment:

A row is a sentence. Files to predict have the first line of each block only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from leantune.data.intake import Inference, Intake

_SENTENCE = re.compile(r'\d+\t"(.*)"$')
_NUMBERED = re.compile(r"\d+\s")
_COMMENT = re.compile(r"Comment:\s*(.*)$")
_LABEL = re.compile(r"\S+$")
_NO_SENTENCE = 'no numbered sentence. Write its number, a tab and the sentence in double quotes: 1\t"A <e1>...</e1> <e2>...</e2>."'


def is_semeval(intake: Intake) -> bool:
    """Whether the first line with text is a numbered sentence with a marked thing."""
    with intake.path.open(encoding=intake.encoding) as file:
        first = next((line.strip() for line in file if line.strip()), "")
    return re.match(r"\d+\t", first) is not None and "<e1>" in first


def sentences(intake: Intake) -> Iterator[dict[str, Any]]:
    """The rows of the file: id, text, label (None where there is none) and comment."""
    intake.inferences.append(
        Inference(what="format", value="SemEval-2010 task 8", why=f"{intake.path.name} starts with a numbered sentence with marks")
    )
    row: dict[str, Any] = {}
    with intake.path.open(encoding=intake.encoding) as file:
        for line, text in enumerate(map(str.strip, file), 1):
            if _NUMBERED.match(text):
                if row:
                    yield row
                row = _started(text)
                fault = _NO_SENTENCE if row["text"] is None else None
            else:
                fault = _continued(row, text)
            if fault:
                intake.problems.add(f"line {line}: {fault}", "E-FORMAT")
                if intake.full:
                    return
    if row:
        yield row


def _started(text: str) -> dict[str, Any]:
    """A new row; its text is None where the line is broken."""
    found = _SENTENCE.match(text)
    return {"id": text.split()[0], "text": found[1] if found else None, "label": None, "comment": None}


def _continued(row: dict[str, Any], text: str) -> str | None:
    """Put a line behind a sentence into its row; what is wrong with it, if anything."""
    if not text:
        return None
    comment = _COMMENT.match(text)
    key = "comment" if comment else "label"
    if not comment and not _LABEL.match(text):
        return f'"{text[:40]}" is no relation, which is one word: Cause-Effect(e1,e2).'
    if row[key] is not None:
        return f"a second {'comment' if comment else 'relation'} of sentence {row['id']}. Keep one."
    row[key] = comment[1] if comment else text
    return None
