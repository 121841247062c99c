"""Methods that learn slowly get more steps under a budget in time, and say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import leantune as lt

METHODS = ["full(lr=0.001)", "prompt(tokens=2, lr=0.01)"]


def planned(tiny: Callable[[str], Path], tickets: Path, folder: Path, **options: Any) -> lt.Preflight:
    opened = lt.study(tickets, model=str(tiny("bert")), out=folder / "run", seeds=1, max_length=64, quiet=True, **options)
    return lt.plan(opened, METHODS)


@pytest.mark.parametrize(("options", "longer"), [({"budget": "5min"}, 3.0), ({"budget": "50steps"}, 1.0), ({"few_shot": 4}, 1.0)])
def test_slow_methods_get_more_steps_of_a_budget_in_time(
    tiny: Callable[[str], Path], tickets: Path, tmp_path: Path, options: dict[str, Any], longer: float
) -> None:
    found = {method.name: method for method in planned(tiny, tickets, tmp_path, **options).methods}
    assert {name: method.longer for name, method in found.items()} == {METHODS[0]: 1.0, METHODS[1]: longer}
