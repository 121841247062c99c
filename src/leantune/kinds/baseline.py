"""Baseline: a floor that every method must beat before it is worth anything; no base model is trained.

texts, labels -> predicted (rows,), confidence (rows,) for dev and every test set
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from leantune.data.examples import Examples
from leantune.kinds.task import Decoded


@dataclass(frozen=True)
class Floor:
    """A fitted baseline."""

    predict: Callable[[str], Decoded]
    """Predictions for dev or a test set, by the name of the split."""
    parameters: int
    """Fitted numbers."""
    saved_bytes: int
    """What must be stored to predict again."""


@dataclass(frozen=True)
class Material:
    """What a baseline may use."""

    splits: dict[str, Examples]
    gold: str
    """Kind of the answers: a name of `data.golds`."""
    n_labels: int
    embed: Callable[[str], NDArray[np.float32]]
    """Frozen mean-pooled states (rows, D) of a split, from the base model as it is."""
    seed: int
    encode: Callable[[list[str]], NDArray[np.float32]] | None = None
    """Frozen states (texts, D) of any texts by the base's own pooling; None for a base without one."""


class Baseline(Protocol):
    """One floor; a member's file binds `MEMBER` to an instance.

    One with a method `stands_apart(splits)` is left out where that is false: on such rows it would say what another floor says.

    One with a class variable `pooled` that is true wants `Material.encode` and is left out where the base has no pooling of its own.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    golds: ClassVar[tuple[str, ...]]
    """Kinds of answers that it can give."""

    def fit(self, material: Material) -> Floor:
        """Fit on the training split, any choice inside by cross-validation on it."""
        ...
