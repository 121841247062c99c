"""Holm's correction: which of several claims stand when one wrong claim in the whole family is to be rare.

sort p upwards; claim i (from 0) of k stands while p <= error / (k - i)          (Holm 1979)

>>> sorted(holm({"a": 0.001, "b": 0.03, "c": 0.04}))
['a']
"""

from __future__ import annotations

from collections.abc import Mapping

ERROR = 0.05


def holm(p_values: Mapping[str, float], error: float = ERROR) -> set[str]:
    """Names whose claim stands at a family-wise `error`."""
    standing: set[str] = set()
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        if p > error / (len(p_values) - rank):
            break
        standing.add(name)
    return standing
