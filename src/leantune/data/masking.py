"""Masking: some tokens are hidden, and the model has to find them (Devlin et al. 2019, arXiv:1810.04805, section 3.1).

Of the tokens that are no special ones 15 % are sought; of these 80 % become the mask token, 10 % a random one, and 10 % stay.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import SpecError


def hide(ids: NDArray[Any], random: np.random.Generator, mask: int, size: int, special: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tokens with some of them hidden, and at those what they were, -1 elsewhere; at least one where any can be hidden.

    Args:
        ids: any shape.
        random: what is hidden depends on it.
        mask: the mask token.
        size: of the vocabulary.
        special: tokens that are never hidden.
    """
    free = ~np.isin(ids, special)
    sought = free & (random.random(ids.shape) < 0.15)
    if free.any() and not sought.any():
        sought.flat[int(random.choice(np.flatnonzero(free)))] = True
    fate = random.random(ids.shape)
    hidden = np.where(sought & (fate < 0.8), mask, ids)
    hidden = np.where(sought & (fate >= 0.8) & (fate < 0.9), random.integers(0, size, ids.shape), hidden)
    return hidden.astype(ids.dtype), np.where(sought, ids, -1).astype(ids.dtype)


def always_same(ids: NDArray[np.int32]) -> np.random.Generator:
    """Random numbers that depend on the tokens alone (static masking)."""
    return np.random.default_rng(zlib.crc32(ids.tobytes()))


@dataclass(frozen=True)
class Hider:
    """Hides tokens of one tokenizer."""

    mask: int
    size: int
    """Of the vocabulary."""
    special: frozenset[int]

    @classmethod
    def of(cls, tokenizer: Any) -> Hider:
        """What is needed of a tokenizer.

        Raises:
            SpecError: E-MODEL without a mask token.
        """
        if tokenizer.mask_token_id is None:
            raise SpecError("The tokenizer of the base has no mask token. Choose a masked language model.", "E-MODEL")
        return cls(int(tokenizer.mask_token_id), len(tokenizer), frozenset(tokenizer.all_special_ids))

    def hide(self, ids: NDArray[Any], random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        """As `hide`."""
        return hide(ids, random, self.mask, self.size, list(self.special))

    def again(self, ids: NDArray[np.int64], marks: NDArray[np.int64], random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        """Other tokens hidden in pieces some of whose tokens are hidden already."""
        return self.hide(np.where(marks >= 0, marks, ids), random)
