"""How much room the targets need: found from the train rows where the user does not say."""

from __future__ import annotations

import math

import numpy as np

from leantune.core.errors import SpecError
from leantune.data.dataset import Dataset
from leantune.models.base import Base
from leantune.models.heads import is_transducer

SHARE = 0.99
"""Share of the train targets that are not cut."""
MOST_ROWS = 5_000
"""Targets that are counted, evenly drawn."""


def target_length(dataset: Dataset, base: Base, wanted: int | None) -> int:
    """Tokens that are written for a row at most, the end token included.

    Raises:
        SpecError: E-RANGE for more than the base has room for.
    """
    room = base.max_length - 8 if not is_transducer(base.config) else base.context
    if wanted is not None:
        if wanted > room:
            raise SpecError(f"--max-target-length must leave room for the source: {room} at most. Got {wanted}.", "E-RANGE")
        return wanted
    gold = dataset.splits["train"].gold
    rows = np.linspace(0, len(gold) - 1, min(len(gold), MOST_ROWS), dtype=np.int64)
    lengths = [len(ids) + 1 for ids in base.tokenizer([gold[row][0] for row in rows], add_special_tokens=False)["input_ids"]]
    needed = 8 * math.ceil(float(np.quantile(lengths, SHARE)) / 8)
    return min(needed, room if is_transducer(base.config) else room // 2)
