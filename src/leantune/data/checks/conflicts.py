"""The same text with different labels: at least one of them is wrong, or the label cannot be told from the text."""

from __future__ import annotations

from textwrap import shorten
from typing import Any

import numpy as np

from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding, share
from leantune.data.dataset import Dataset
from leantune.data.keys import occurs_in, repeated


def find(dataset: Dataset) -> list[CheckFinding]:
    """One finding over all splits; where a text may have several right answers, none."""
    if not dataset.gold.unique:
        return []
    splits = dataset.splits
    twice = repeated(np.concatenate([examples.keys for examples in splits.values()]))
    if not len(twice):
        return []
    where = {split: np.flatnonzero(occurs_in(examples.keys, twice)) for split, examples in splits.items()}
    keys = np.concatenate([splits[split].keys[at] for split, at in where.items()])
    answers = [_named(dataset, splits[split].gold[place]) for split, at in where.items() for place in at]
    _, labels = np.unique(answers, return_inverse=True)
    rows = np.concatenate([splits[split].rows[at] for split, at in where.items()])
    of_split = np.repeat(np.arange(len(splits)), [len(at) for at in where.values()])
    order = np.lexsort((rows, of_split, keys))
    starts = np.r_[0, np.flatnonzero(np.diff(keys[order])) + 1]
    mixed = np.flatnonzero(np.minimum.reduceat(labels[order], starts) != np.maximum.reduceat(labels[order], starts))
    if not len(mixed):
        return []
    ends, names = np.r_[starts[1:], len(order)], list(splits)
    texts = [order[starts[at] : ends[at]] for at in mixed]
    shown = []
    for group in texts[:3]:
        shown.append(
            " but ".join(
                f'{names[of_split[at]]} row {rows[at]} "{shorten(answers[at], 60, placeholder=" ...")}"'
                for at in _one_per_label(group, labels)
            )
        )
    more = f" ({len(texts) - 3:,} more)" if len(texts) > 3 else ""
    carry = "text carries" if len(texts) == 1 else "texts carry"
    part = share(sum(map(len, texts)), sum(map(len, splits.values())))
    message = f"{len(texts):,} {carry} more than one label, {part}: {'; '.join(shown)}{more}."
    numbers = [int(rows[at]) for group in texts for at in group]
    return [finding("conflicting_labels", "warning", message, rows=numbers, fix="Decide on one label per text.")]


def _named(dataset: Dataset, answer: Any) -> str:
    """An answer as text: a label, a number, labels or tags in their order."""
    if isinstance(answer, dict):
        return str(answer["text"])
    if not dataset.gold.coded:
        return str(answer[-1] if isinstance(answer, list) else answer)
    if isinstance(answer, list):
        return " ".join(dataset.labels[int(label)] for label in answer)
    return dataset.labels[int(answer)]


def _one_per_label(group: np.ndarray, labels: np.ndarray) -> list[int]:  # type: ignore[type-arg]
    _, first = np.unique(labels[group], return_index=True)
    return [int(at) for at in group[np.sort(first)][:3]]


MEMBER = find
