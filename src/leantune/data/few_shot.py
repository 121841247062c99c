"""Few-shot: training on so many rows of each label, drawn by a seed. A larger draw with the same seed holds the smaller one.

few_shot(dataset, 16, seed=13).splits["train"]        16 rows of each label; all other splits as they are
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import Problems, SpecError
from leantune.data.dataset import Dataset
from leantune.data.examples import Examples

FEWEST = 8
"""Rows of each label with which a choice is more than noise."""


def few_shot(dataset: Dataset, count: int, seed: int) -> Dataset:
    """The same data with a small train split, written once and kept beside the large one."""
    folder = dataset.folder / "few"
    path = folder / f"{count}-{seed}.arrow"
    if not path.is_file():
        folder.mkdir(exist_ok=True)
        train = dataset.splits["train"]
        train.write_part(_drawn(train.gold, count, seed), path)
    return replace(dataset, train=Examples(path), train_name=f"{count}-{seed}")


def refuse_more_than_there_are(dataset: Dataset, count: int) -> None:
    """Refuse a draw that the training rows do not allow.

    Raises:
        SpecError: E-OPTION where rows have no single label, E-RANGE with every label that has fewer rows.
    """
    if not dataset.gold.closed:
        raise SpecError(f"--few-shot draws rows of each label, and rows of {dataset.task} have no single one.", "E-OPTION")
    sizes = np.bincount(np.asarray(dataset.splits["train"].gold), minlength=len(dataset.labels))
    problems = Problems(f"--few-shot {count}")
    for label, size in zip(dataset.labels, sizes.tolist(), strict=True):
        if size < count:
            problems.add(f'label "{label}" has {size} training rows. The most for all labels is {int(sizes.min())}.', "E-RANGE")
    problems.raise_if_any(SpecError)


def _drawn(gold: NDArray[np.int32], count: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of the draw, rising."""
    order = np.random.default_rng(seed).permutation(len(gold))
    labels = np.asarray(gold)[order]
    return np.sort(np.concatenate([order[np.flatnonzero(labels == label)[:count]] for label in np.unique(labels)]))
