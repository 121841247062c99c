"""Label bank: the words of each label as points among the texts, tested on labelled rows before they are believed.

    bank = LabelBank(words)                  words of each label as unit vectors
    bank.means_something(states, gold)       whether the words tell the rows of different labels apart at all
    bank.tested(states, gold)                without the words that point away from their own label's rows

Shapes: n rows, D width, C labels, W_c words of label c. States are of length 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]

CHANCE = 0.5
"""Share of pairs (a row of the label, a row of another one) in which a meaningless word is nearer to the first."""
DOUBT = 1.0
"""Standard errors below chance from which a word counts as harmful; with few rows a good word is often a little below by luck."""

WORTH = 0.25
"""How far words that mean something lie above chance, at least (measured on seven sets: 0.22 to 0.46)."""
TRUST = 4.0
"""How many lists of words mean something for each that does not, before a row is seen: few rows cannot refute words."""


@dataclass(frozen=True)
class LabelBank:
    """What is said for each label."""

    words: tuple[Floats, ...]
    """(W_c, D) of each label, each word of length 1."""
    used: tuple[NDArray[np.bool_], ...]
    """(W_c,) of each label: which of them are believed."""

    @classmethod
    def of(cls, words: Sequence[Floats]) -> LabelBank:
        """All words believed."""
        return cls(tuple(unit(own) for own in words), tuple(np.ones(len(own), dtype=bool) for own in words))

    @property
    def anchors(self) -> Floats:
        """(C, D) the direction of each label: the mean of its words, of length 1; zeros where none is believed."""
        return np.stack([unit(own[used].mean(axis=0)) if used.any() else np.zeros(own.shape[1]) for own, used in self])

    @property
    def centred(self) -> Floats:
        """(C, D) how each label differs from the mean of those that say anything, of length 1."""
        anchors = self.anchors
        said = anchors.any(axis=1, keepdims=True)
        return unit((anchors - anchors.sum(axis=0) / max(said.sum(), 1)) * said)

    def __iter__(self) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
        return iter(zip(self.words, self.used, strict=True))

    def means_something(self, states: Floats, gold: NDArray[np.integer]) -> bool:
        """Whether the words as a whole are more likely to tell rows of different labels apart than to be without meaning.

        The nearness of a label's rows to its centred direction, averaged over labels, is about normal with mean 1/2 where words mean
        nothing and 1/2 + WORTH where they do; the likelier of the two wins, with TRUST to one for the words.

        Args:
            states: (n, D) of labelled rows.
            gold: (n,) their labels.
        """
        rows = unit(states - states.mean(axis=0))
        said = [(direction, gold == label) for label, direction in enumerate(self.centred) if direction.any()]
        if not said:
            return False
        above = np.mean([nearness(rows @ direction, own) for direction, own in said]) - CHANCE
        # Directions around their mean: one of them follows from the others.
        variance = np.mean([_error(own) ** 2 for _, own in said]) / max(len(said) - 1, 1)
        return bool(WORTH * (above - WORTH / 2) / variance >= -np.log(TRUST))

    def tested(self, states: Floats, gold: NDArray[np.integer]) -> LabelBank:
        """Without the words that are clearly nearer to the rows of other labels than to those of their own, which would do harm.

        Args:
            states: (n, D) of labelled rows.
            gold: (n,) their labels.
        """
        used = [np.array([_harmless(states @ word, gold == label) for word in own]) for label, own in enumerate(self.words)]
        return LabelBank(self.words, tuple(used))

    def dropped(self) -> list[tuple[int, int]]:
        """(label, word) that are not believed."""
        return [(label, int(word)) for label, used in enumerate(self.used) for word in np.flatnonzero(~used)]


def bank_of(said: Sequence[Sequence[Sequence[str]]], embed: Callable[[list[str]], NDArray[Any]]) -> LabelBank:
    """The bank of some words.

    Args:
        said: the texts that say each word of each label.
        embed: states (texts, D) of any texts.
    """
    flat = [text for own in said for word in own for text in word]
    states = iter(unit(embed(flat).astype(np.float64))) if flat else iter(())
    vectors = [[np.mean([next(states) for _ in word], axis=0) for word in own] for own in said]
    width = next((len(one) for own in vectors for one in own), 0)
    return LabelBank.of([np.array(own).reshape(len(own), width) for own in vectors])


def _harmless(likeness: Floats, own: NDArray[np.bool_]) -> bool:
    return nearness(likeness, own) >= CHANCE - DOUBT * _error(own)


def _error(own: NDArray[np.bool_]) -> float:
    """Standard error of the nearness where a word says nothing (Mann and Whitney 1947)."""
    inside, outside = int(own.sum()), int((~own).sum())
    return float(np.sqrt((inside + outside + 1) / (12 * max(inside * outside, 1))))


def nearness(likeness: Floats, own: NDArray[np.bool_]) -> float:
    """Share of pairs of rows in which the one of the own label is the more like: the area under the ROC curve; 1 without any pair."""
    inside, outside = int(own.sum()), int((~own).sum())
    if not inside or not outside:
        return 1.0
    return float((rankdata(likeness)[own].sum() - inside * (inside + 1) / 2) / (inside * outside))


def unit(vectors: Floats) -> Floats:
    """Brought to length 1; zeros stay."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: Floats = np.divide(vectors, length, out=np.zeros_like(vectors, dtype=np.float64), where=length > 0)
    return found
