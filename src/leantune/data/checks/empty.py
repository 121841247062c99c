"""Texts that are empty, or broken on the way through a wrong encoding."""

from __future__ import annotations

import re

from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding, named, rows, share
from leantune.data.dataset import Dataset

_GARBLED = re.compile("\ufffd|Ã[\u0080-\u00bf]|â€|ï¿½")
"""The replacement character, and UTF-8 that was once read as Latin-1 or Windows-1252."""


def find(dataset: Dataset) -> list[CheckFinding]:
    """Findings on unusable texts, per split."""
    found = []
    for split, examples in dataset.splits.items():
        empty, half, garbled = list[int](), list[int](), list[int]()
        for row in rows(examples):
            blank = not row.text.strip(), row.pair is None or not row.pair.strip()
            if all(blank):
                empty.append(row.number)
            elif blank[0] or (row.pair is not None and blank[1]):
                half.append(row.number)
            if _GARBLED.search(row.whole):
                garbled.append(row.number)
        for numbers, what, fix in (
            (empty, "have an empty text", "Delete them, or fill in the text."),
            (half, "have one empty text of two", "Delete them, or fill in the text."),
            (garbled, "hold garbled characters (a wrong encoding earlier on)", "Export them again as UTF-8."),
        ):
            if numbers:
                message = f"{split}: {share(len(numbers), len(examples))} {what}: {named(dataset, split, numbers)}."
                found.append(finding("garbled" if numbers is garbled else "empty", "warning", message, rows=numbers, fix=fix))
    return found


MEMBER = find
