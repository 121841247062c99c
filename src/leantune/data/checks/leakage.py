"""Leakage: rows to be scored on that were there to learn from. It flatters whoever memorises most, usually full fine-tuning."""

from __future__ import annotations

import numpy as np

from leantune.core.records import CheckFinding
from leantune.data.checks._rows import between, finding, named, share
from leantune.data.dataset import Dataset
from leantune.data.keys import keys, occurs_in

_GRAVE = 0.05
_NOTABLE_HALVES = 0.05


def find(dataset: Dataset) -> list[CheckFinding]:
    """Rows, and first texts of pairs, that two splits share."""
    return [*_rows(dataset), *_first_texts(dataset)]


def _rows(dataset: Dataset) -> list[CheckFinding]:
    found = []
    for held, other in between(dataset):
        examples = dataset.splits[held]
        shared = occurs_in(examples.keys, dataset.splits[other].keys)
        if shared.any():
            count = int(shared.sum())
            numbers = examples.rows[shared].tolist()
            message = f"{share(count, len(examples))} of {held} are also in {other}: {named(dataset, held, numbers)}."
            fix = f"Delete these rows from {other if other == 'train' else held}; scores on them show memory."
            found.append(finding("leakage", "error" if count > _GRAVE * len(examples) else "warning", message, rows=numbers, fix=fix))
    return found


def _first_texts(dataset: Dataset) -> list[CheckFinding]:
    if dataset.columns.text_pair is None:
        return []
    first = {split: np.concatenate([keys(chunk.texts) for chunk in examples.chunks()]) for split, examples in dataset.splits.items()}
    found = []
    for held, other in between(dataset):
        if other != "train":
            continue
        examples = dataset.splits[held]
        shared = occurs_in(first[held], first[other]) & ~occurs_in(examples.keys, dataset.splits[other].keys)
        if shared.mean() > _NOTABLE_HALVES:
            message = f'{share(int(shared.sum()), len(shared))} of {held} have a "{dataset.columns.text}" that {other} pairs otherwise.'
            fix = "Memorising one side helps there: split by that column if new ones come in use."
            found.append(finding("leakage", "warning", message, rows=examples.rows[shared].tolist(), fix=fix))
    return found


MEMBER = find
