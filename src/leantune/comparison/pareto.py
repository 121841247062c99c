"""The Pareto front: what no other beats in both of two measures.

>>> front({"a": (0.9, 100), "b": (0.8, 10), "c": (0.7, 50)})
['a', 'b']
"""

from __future__ import annotations

from collections.abc import Mapping


def front(points: Mapping[str, tuple[float, float]], *, first_higher: bool = True, second_higher: bool = False) -> list[str]:
    """Names that are not dominated, in the order given.

    One point dominates another when it is at least as good in both measures and better in one; equal points both stay.

    Args:
        points: name to (first measure, second measure).
        first_higher: more of the first measure is better (a score).
        second_higher: more of the second measure is better (False for a cost).
    """
    signs = (1 if first_higher else -1, 1 if second_higher else -1)
    good = {name: (signs[0] * first, signs[1] * second) for name, (first, second) in points.items()}
    return [name for name, point in good.items() if not any(_dominates(other, point) for other in good.values())]


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] >= other[0] and one[1] >= other[1]
