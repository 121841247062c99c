"""The recipes of the full-length trials: what differs as a table, what all share as one list.

shared: rows per step 32, weight decay 0       table: method, rate, head rate, seeds
"""

from __future__ import annotations

from dataclasses import dataclass

from leantune.core.records import Recipe
from leantune.report.letters import rate
from leantune.report.rows import Line, Table

_ALWAYS = ("rate", "head rate")


@dataclass(frozen=True)
class Recipes:
    """`heads` name the columns of `rows`; the first cell of a row is the method's name."""

    heads: list[str]
    rows: list[list[str]]
    shared: list[tuple[str, str]]


def make_recipes(table: Table) -> Recipes:
    """Split the recipes into what differs and what is shared."""
    found = [(line, trial.recipe) for line in table.lines for trial in line.finals[:1] if trial.recipe]
    cells = [(line, _cells(line, recipe)) for line, recipe in found]
    names = list(cells[0][1]) if cells else []
    differing = [name for name in names if name in _ALWAYS or len({values[name] for _, values in cells}) > 1]
    shared = [(name, cells[0][1][name]) for name in names if name not in differing]
    rows = [[line.row.name, *(values[name] for name in differing)] for line, values in cells]
    return Recipes(["method", *differing], rows, shared)


def _cells(line: Line, recipe: Recipe) -> dict[str, str]:
    return {
        "rate": rate(recipe.lr),
        "head rate": rate(recipe.head_lr),
        "optimiser": recipe.optimizer,
        "schedule": recipe.schedule,
        "warm-up": f"{100 * recipe.warmup:g} %",
        "steps": f"{recipe.steps:,}",
        "rows per step": str(recipe.batch_rows),
        "looks at dev": str(recipe.evaluations),
        "patience": str(recipe.patience),
        "weight decay": f"{recipe.weight_decay:g}",
        "dropout": f"{recipe.dropout:g}",
        "clip": f"{recipe.clip:g}",
        "seeds": ", ".join(str(trial.seed) for trial in line.finals),
    }
