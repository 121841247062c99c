"""Budget: how much a comparison may spend, in time or in optimiser steps per trial.

30min   2h   90s   300steps
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from leantune.core.errors import BudgetError

DEFAULT = "20min"
_MOST = 1e9
"""Of a unit."""
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Budget:
    """Either seconds for the whole comparison or steps for each full-length trial."""

    text: str
    seconds: float | None = None
    steps: int | None = None


def parse_budget(text: str) -> Budget:
    """Read a budget.

    >>> parse_budget("30min").seconds
    1800.0

    Raises:
        BudgetError: E-BUDGET when it cannot be read or is not positive.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|steps?)\s*", text)
    if not match:
        raise BudgetError(f'--budget "{text}" cannot be read. Write minutes or steps, for example 30min, 2h or 300steps.', "E-BUDGET")
    number, unit = float(match[1]), match[2]
    if number > _MOST:
        raise BudgetError(f'--budget "{text[:40]}" is more than anybody has. Write for example 30min, 2h or 300steps.', "E-BUDGET")
    if unit.startswith("step"):
        if number != int(number) or number < 10:
            raise BudgetError(f'--budget "{text}": a trial needs at least 10 whole steps.', "E-BUDGET")
        return Budget(text, steps=int(number))
    seconds = number * _UNITS[unit]
    if seconds < 10:
        raise BudgetError(f'--budget "{text}" is too short to load a model. Give at least 10s, for example 5min.', "E-BUDGET")
    return Budget(text, seconds=seconds)
