"""Labels: how even they are, which have hardly any rows, which differ only by case or spacing."""

from __future__ import annotations

import numpy as np

from leantune.core.errors import some
from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding, label_counts
from leantune.data.dataset import Dataset

TINY = 10
"""Train rows under which a label is called out."""

_SKEWED = 0.8


def find(dataset: Dataset) -> list[CheckFinding]:
    """Findings on the labels; numbers have none."""
    if not dataset.gold.coded:
        return []
    counts = {split: label_counts(examples, len(dataset.labels)) for split, examples in dataset.splits.items()}
    skew = _skew(dataset, counts["train"]) if dataset.gold.closed else []
    return [*skew, *_tiny(dataset, counts["train"]), *_untested(dataset, counts), *_alike(dataset)]


def _skew(dataset: Dataset, train: np.ndarray) -> list[CheckFinding]:  # type: ignore[type-arg]
    top = int(train.argmax())
    largest = train[top] / train.sum()
    if largest < _SKEWED:
        return []
    message = (
        f'{largest:.0%} of the train rows have the label "{dataset.labels[top]}": accuracy misleads, as always saying it is right so often.'
    )
    return [finding("labels", "warning", message, fix="Compare by macro F1 (--metric) instead of accuracy.")]


def _tiny(dataset: Dataset, train: np.ndarray) -> list[CheckFinding]:  # type: ignore[type-arg]
    tiny = [f'"{dataset.labels[index]}" ({train[index]})' for index in np.argsort(train, kind="stable") if train[index] < TINY]
    if not tiny:
        return []
    message = f"{len(tiny)} of {len(train)} labels have fewer than {TINY} train rows: {some(tiny)}."
    return [finding("labels", "warning", message, fix="Add rows, or merge them into another label.")]


def _untested(dataset: Dataset, counts: dict[str, np.ndarray]) -> list[CheckFinding]:  # type: ignore[type-arg]
    found = []
    for split in ("dev", *dataset.tests.values()):
        without = [f'"{dataset.labels[index]}"' for index in np.flatnonzero(counts[split] == 0)]
        if without:
            s = "label has" if len(without) == 1 else "labels have"
            found.append(
                finding("labels", "warning", f"{len(without)} {s} no {split} row, so nothing is known about them there: {some(without)}.")
            )
    return found


def _alike(dataset: Dataset) -> list[CheckFinding]:
    same: dict[str, list[str]] = {}
    for label in dataset.labels:
        same.setdefault(" ".join(label.casefold().replace("_", " ").replace("-", " ").split()), []).append(label)
    groups = [" = ".join(f'"{label}"' for label in group) for group in same.values() if len(group) > 1]
    if not groups:
        return []
    message = f"Labels that differ only by case or spacing are counted as different ones: {some(groups)}."
    return [finding("labels", "warning", message, fix="Write each label one way.")]


MEMBER = find
