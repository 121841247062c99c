"""Grown training rows: the labelled ones, and behind them unlabelled ones with the answers that somebody gave them.

grown(dataset, rows=[4, 9], answers=[0, 1]).splits["train"]        all other splits as they are
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from leantune.core.digest import digest
from leantune.data.dataset import Dataset
from leantune.data.examples import Examples
from leantune.data.unlabelled_rows import UNLABELLED


def grown(dataset: Dataset, rows: Sequence[int], answers: Sequence[Any]) -> Dataset:
    """The same data with a larger train split, written once and kept beside the small one; a row may stand several times."""
    folder = dataset.folder / "grown"
    name = digest(dataset.digest_of("train"), dataset.digest_of(UNLABELLED), list(rows), list(answers))
    path = folder / f"{name}.arrow"
    if not path.is_file():
        folder.mkdir(exist_ok=True)
        dataset.splits["train"].write_with(dataset.splits[UNLABELLED], rows, answers, path)
    return replace(dataset, train=Examples(path), train_name=name)
