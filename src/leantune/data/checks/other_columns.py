"""Columns that are not read but know the label: harmless here, dangerous if they are ever merged into the text.

Also a file that is sorted by label, and an id that counts along with it or begins otherwise for each label (bi-00001, sh-00002).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding
from leantune.data.composed import sources
from leantune.data.dataset import Dataset
from leantune.data.facts import look
from leantune.data.table import Table

_LOOKED_AT = 200_000
_ALMOST = 0.98
_FEW = 5
"""Distinct values may tell the label when at least so many rows share each on average."""
_HEAD = re.compile(r"\D*(?=\d)")
_ORDERED = 0.1
"""Share of the label changes expected by chance under which an order counts as sorted by label."""


def find(dataset: Dataset) -> list[CheckFinding]:
    """Findings on the other columns of the train file and on its order."""
    if not dataset.gold.closed:
        return []
    table, label = dataset.source_table("train"), str(dataset.columns.label)
    used = {source for name in dataset.columns.read for source in sources(name, table.columns) or []}
    others = [name for name in table.columns if name not in used]
    labels = _column(table, label)
    found = []
    if _sorted(labels, np.arange(len(labels))):
        found.append(
            finding("order", "info", "The train file is sorted by label. Rows are shuffled before training, so this does no harm.")
        )
    facts = look(table, others) if others else {}
    for name in others:
        values = _column(table, name)
        if not facts[name].many and _few(facts[name].distinct, facts[name].rows):
            found.extend(_knows(name, f'The column "{name}"', values, labels))
        elif _is_numbers(values) and _sorted(labels, np.argsort(np.array([float(value) for value in values]), kind="stable")):
            message = f'The column "{name}" counts along with the label: sorted by it, the labels come in blocks.'
            found.append(finding("giveaway", "info", message, fix=f'"{name}" is not read; never put it into the text.'))
        elif _is_single_words(values) and _few(len(set(heads := _heads(values))), len(heads)):
            found.extend(_knows(name, f'What stands before the first digit in the column "{name}"', heads, labels))
    return found


def _few(distinct: int, rows: int) -> bool:
    return 2 <= distinct <= rows // _FEW


def _column(table: Table, name: str) -> np.ndarray[Any, np.dtype[Any]]:
    values: list[str] = []
    for batch in table.batches([name]):
        values.extend(value or "" for value in batch.column(0).to_pylist())
        if len(values) >= _LOOKED_AT:
            break
    return np.array(values, dtype=object)


def _is_single_words(values: Any) -> bool:
    """Whether no value has a space inside: an id, not a text."""
    return all(len(value.split()) <= 1 for value in values)


def _heads(values: Any) -> list[str]:
    """What stands before the first digit; the whole value where there is none."""
    return [found.group() if (found := _HEAD.match(value)) else value for value in values]


def _knows(name: str, what: str, values: Any, labels: Any) -> list[CheckFinding]:
    """Whether the most frequent label of each value is almost always right, and much better than no knowledge."""
    best: dict[str, int] = {}
    for (value, _), count in Counter(zip(values, labels, strict=True)).items():
        best[value] = max(best.get(value, 0), count)
    right, majority = sum(best.values()) / len(labels), max(Counter(labels).values()) / len(labels)
    if right < _ALMOST or right - majority < 0.5 * (1 - majority):
        return []
    message = f"{what} alone tells the label in {right:.1%} of the train rows (the most frequent label: {majority:.0%})."
    return [finding("giveaway", "info", message, fix=f'"{name}" is not read; never put it into the text.')]


def _is_numbers(values: Any) -> bool:
    try:
        return all(np.isfinite(float(value)) for value in values)
    except ValueError:
        return False


def _sorted(labels: Any, order: Any) -> bool:
    """Whether the labels change far more rarely in this order than by chance: (n - 1)(1 - sum of squared shares)."""
    ordered = labels[order]
    shares = np.array(list(Counter(labels).values())) / len(labels)
    expected = (len(labels) - 1) * (1 - (shares**2).sum())
    return bool(len(labels) >= 50 and (ordered[1:] != ordered[:-1]).sum() < _ORDERED * expected)


MEMBER = find
