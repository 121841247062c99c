"""Method expressions of a command, read before anything heavy is loaded, so that a typo is told at once."""

from __future__ import annotations

from collections.abc import Sequence

from leantune.core.errors import LeantuneError, SpecError
from leantune.core.recipe import Recipe
from leantune.kinds.method import Parsed, parse_method


def read_methods(expressions: Sequence[str]) -> list[Parsed]:
    """Read all expressions; every fault is told at once.

    Raises:
        SpecError: for names, options and values that do not exist.
    """
    parsed, faults = dict[str, Parsed](), list[LeantuneError]()
    for expression in expressions:
        try:
            found = parse_method(expression)
            recipe = Recipe.build(found.name, {"task": "", "method": found.expression, "lr": 1.0, "steps": 1} | found.training)
            _check(found, recipe)
            parsed.setdefault(found.name, found)
        except LeantuneError as error:
            faults.append(error)
    if faults:
        raise faults[0] if len(faults) == 1 else SpecError("\n  ".join(fault.message for fault in faults), faults[0].code)
    if not parsed:
        raise SpecError("No method given. Name at least one, for example --methods full,lora.", "E-OPTION")
    return list(parsed.values())


def _check(found: Parsed, recipe: Recipe) -> None:
    """The names of optimiser and schedule, which torch knows."""
    if {"optimizer", "schedule"} & found.training.keys():
        from leantune.execution.optimizers import check_names

        check_names(recipe.optimizer, recipe.schedule)
