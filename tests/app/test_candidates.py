"""Methods that learn slowly get more steps under a budget in time, and say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import leantune as lt
from leantune.app.candidates import field_in, lengthened
from leantune.app.expressions import read_methods
from leantune.app.study import Study

METHODS = ["full(lr=0.001)", "prompt(tokens=2, lr=0.01)"]


def opened(tiny: Callable[[str], Path], tickets: Path, folder: Path, **options: Any) -> Study:
    return lt.study(tickets, model=str(tiny("bert")), out=folder / "run", seeds=1, max_length=64, quiet=True, **options)


@pytest.mark.parametrize(("options", "longer"), [({"budget": "5min"}, 3.0), ({"budget": "50steps"}, 1.0), ({"few_shot": 4}, 1.0)])
def test_slow_methods_get_more_steps_of_a_budget_in_time(
    tiny: Callable[[str], Path], tickets: Path, tmp_path: Path, options: dict[str, Any], longer: float
) -> None:
    study = opened(tiny, tickets, tmp_path, **options)
    found = lengthened(field_in(study, read_methods(METHODS)), study.options)
    assert {one.name: one.longer for one in found.candidates} == {METHODS[0]: 1.0, METHODS[1]: longer}


def test_the_plan_tells_it(tiny: Callable[[str], Path], tickets: Path, tmp_path: Path) -> None:
    found = lt.plan(opened(tiny, tickets, tmp_path, budget="5min"), METHODS)
    assert {method.name: method.longer for method in found.methods} == {METHODS[0]: 1.0, METHODS[1]: 3.0}
