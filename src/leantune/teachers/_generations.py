"""Generations: the rows that each view of the next generation learns from, as other views label them (iPET).

    rows of label l = labelled rows of l * growth^(generation - 1)       without a labelled row 10 * growth^(generation - 2)

The labelled rows are among them; the others come from the pool, which a quarter of the other views, at least one, label together. Rows
whose likeliest label is l are drawn without replacement, with probability in proportion to how likely it is; where too few have it they
stand several times, so that the balance of the labels stays.

Reference: Schick and Schuetze 2021, arXiv:2001.07676, section 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leantune.core.human import plural
from leantune.kinds.teacher import Extra

SHARE = 0.25
"""Of the other views, those that label the rows of a view."""
START = 10
"""Rows of each label in the second generation where nothing is labelled."""
LIKELIEST = 100
"""They are drawn among so many rows for which a label is likeliest, even where another one is likelier; of a small pool among its even
share. So are later those of a label that is the likeliest of no row."""


@dataclass(frozen=True)
class Growth:
    """How the training sets grow."""

    labelled: NDArray[np.int64]
    """(C,) labelled rows of each label."""
    factor: float
    seed: int

    def wanted(self, generation: int) -> NDArray[np.int64]:
        """(C,) rows of each label to be added in a generation, the second or a later one."""
        if not self.labelled.any():
            return np.full(len(self.labelled), round(START * self.factor ** (generation - 2)), dtype=np.int64)
        return np.round(self.labelled * (self.factor ** (generation - 1) - 1)).astype(np.int64)

    def random(self, generation: int, view: int) -> np.random.Generator:
        """What a view of a generation draws with."""
        return np.random.default_rng([self.seed, generation, view])

    def extra(self, likely: NDArray[np.float64], generation: int, random: np.random.Generator) -> Extra:
        """The rows for one view.

        Args:
            likely: (rows, C) log-probabilities of the labels by the views that label them.
            generation: the second or a later one.
            random: draws the rows.
        """
        chances = np.exp(likely - likely.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        start = generation == 2 and not self.labelled.any()
        found = [np.flatnonzero(chances.argmax(axis=1) == label) for label in range(chances.shape[1])]
        able = [_likeliest(chances, label) if start or not len(rows) else rows for label, rows in enumerate(found)]
        counts = _scaled(self.wanted(generation), [len(rows) for rows in able])
        drawn = [_drawn(rows, chances[rows, label], count, random) for label, (rows, count) in enumerate(zip(able, counts, strict=True))]
        labels = np.repeat(np.arange(len(drawn)), [len(rows) for rows in drawn])
        return Extra(tuple(np.concatenate(drawn).tolist()), tuple(labels.tolist()))


def others(names: Sequence[str], name: str, random: np.random.Generator) -> list[int]:
    """Places of the views that label the rows of the one that is called `name`, rising; nothing where there are no others."""
    able = [place for place, other in enumerate(names) if other != name]
    chosen = random.permutation(len(able))[: max(1, round(SHARE * len(able)))]
    return sorted(able[place] for place in chosen)


def told(generation: int, extras: Sequence[Extra], wanted: NDArray[np.int64], agreed: str) -> str:
    """One line for the record."""
    sizes = sorted({len(extra.rows) for extra in extras})
    added = plural(sizes[0], "row") if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,} rows"
    short = "" if sizes[0] == wanted.sum() else f" of {wanted.sum():,} wanted (the pool has no more)"
    repeated = max(len(extra.rows) - len(set(zip(extra.rows, extra.answers, strict=True))) for extra in extras)
    twice = f"; up to {repeated:,} of them are repeats, of labels that too few rows get" if repeated else ""
    return f"generation {generation}: {added}{short} added to those of each view, as others label them; {agreed} before{twice}"


def _likeliest(chances: NDArray[np.float64], label: int) -> NDArray[np.int64]:
    rows, labels = chances.shape
    return np.sort(np.argsort(-chances[:, label], kind="stable")[: max(1, min(LIKELIEST, rows // labels))])


def _scaled(wanted: NDArray[np.int64], able: Sequence[int]) -> NDArray[np.int64]:
    """As many as wanted of each label, fewer of all where not even one label has enough; the ratios stay."""
    share = min(1.0, max(np.asarray(able) / np.maximum(wanted, 1)))
    found: NDArray[np.int64] = np.ceil(share * wanted).astype(np.int64)
    return found


def _drawn(rows: NDArray[np.int64], chances: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """So many of the rows, likely ones sooner; all of them as often as needed where there are fewer."""
    whole, rest = divmod(count, len(rows))
    part = random.choice(rows, size=rest, replace=False, p=chances / chances.sum())
    return np.sort(np.concatenate([np.tile(rows, whole), part]))
