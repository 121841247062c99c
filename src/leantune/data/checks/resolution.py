"""Test-set resolution: how small a difference this many test rows can decide.

n = (z_alpha + z_beta)^2 d / margin^2 rows show, one-sided at 5 % with power 80 %, that a method is not worse by the margin
when it is truly equal; d is the share of rows on which two models differ in being right (about 8 % for good models).
"""

from __future__ import annotations

import math

from leantune.core.records import CheckFinding
from leantune.data.checks._rows import finding
from leantune.data.dataset import Dataset

RIGHT_OR_WRONG = ("label", "levels", "choice")
"""Kinds of answers that the share of differing rows says something about."""
DISCORDANCE = 0.08
_Z = 1.645 + 0.842
_COARSE = 0.03


def smallest_margin(rows: int, discordance: float = DISCORDANCE) -> float:
    """The margin (a fraction) that `rows` test rows decide.

    >>> round(smallest_margin(4947), 4)
    0.01
    """
    return _Z * math.sqrt(discordance / rows)


def rows_for(margin: float, discordance: float = DISCORDANCE) -> int:
    """Test rows that decide a margin.

    >>> rows_for(0.01)
    4949
    """
    return math.ceil(_Z**2 * discordance / margin**2)


def find(dataset: Dataset) -> list[CheckFinding]:
    """What the size of the test set allows to say, where an answer is right or wrong."""
    if dataset.manifest.gold not in RIGHT_OR_WRONG:
        return []
    count = len(dataset.splits["test"])
    margin = smallest_margin(count)
    message = (
        f"{count:,} test rows can show that two methods are equal within about {100 * margin:.1f} points "
        f"(where two models differ on {DISCORDANCE:.0%} of the rows)"
    )
    message += f"; one point needs about {rows_for(0.01):,}." if margin > 0.01 else "."
    fix = "Add test rows, or compare with a wider --margin." if margin > _COARSE else None
    return [finding("resolution", "warning" if margin > _COARSE else "info", message, fix=fix)]


MEMBER = find
