"""How like two models are in what they say: the error of the logits of one against the spread of those of the other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def relative_error(found: Iterable[NDArray[np.floating]], expected: Iterable[NDArray[np.floating]]) -> float:
    """Root mean square of the differences over that of the expected logits around their mean in each row; 0 for the same.

    Args:
        found: (C,) or (tokens, C) for each row.
        expected: the same of the model that is the measure.

    >>> relative_error([np.array([1.0, 3.0])], [np.array([0.0, 4.0])])
    0.5
    """
    wrong, spread = 0.0, 0.0
    for one, other in zip(found, expected, strict=True):
        wrong += float(np.square(one - other).sum())
        # One output alone has no mean of its own to stand out from.
        spread += float(np.square(other - (other.mean(axis=-1, keepdims=True) if other.shape[-1] > 1 else 0.0)).sum())
    return float(np.sqrt(wrong / spread)) if spread else float(wrong > 0)
