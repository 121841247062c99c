"""Exact duplicates inside a split: rows whose text was there before, apart from case, spacing and punctuation."""

from __future__ import annotations

import numpy as np

from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding, share
from leantune.data.dataset import Dataset
from leantune.data.keys import occurs_in, repeated

_MANY = 0.01


def find(dataset: Dataset) -> list[CheckFinding]:
    """One finding for each split that repeats itself."""
    found = []
    for split, examples in dataset.splits.items():
        among = np.flatnonzero(occurs_in(examples.keys, repeated(examples.keys)))
        if not len(among):
            continue
        _, first, inverse = np.unique(examples.keys[among], return_index=True, return_inverse=True)
        repeats = np.flatnonzero(first[inverse] != np.arange(len(among)))
        numbers, originals = examples.rows[among[repeats]], examples.rows[among[first[inverse[repeats]]]]
        shown = ", ".join(f"row {again} repeats row {before}" for again, before in zip(numbers[:3], originals[:3], strict=True))
        severity = "warning" if len(repeats) > _MANY * len(examples) else "info"
        message = f"{split}: {share(len(repeats), len(examples))} repeat an earlier text apart from case, spacing and punctuation: {shown}."
        found.append(
            finding("duplicates", severity, message, rows=numbers.tolist(), fix="Delete the repeats unless they are as frequent in use.")
        )
    return found


MEMBER = find
