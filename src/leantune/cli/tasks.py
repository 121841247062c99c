"""`leantune tasks`: every task in a table; `leantune tasks classification`: the page of one."""

from __future__ import annotations

import inspect
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leantune.cli import _options as option

if TYPE_CHECKING:
    from leantune.kinds.task import Task


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A task.")] = None,
    as_json: option.Json = False,
) -> None:
    """List the tasks; with a NAME what its file looks like, its loss and its metrics."""
    from leantune.cli._console import console
    from leantune.core import catalogue

    tasks: dict[str, Task] = {key: catalogue.load("tasks", key) for key in ([name] if name else catalogue.names("tasks"))}
    if as_json:
        typer.echo(json.dumps([_facts(task) for task in tasks.values()], indent=2))
    elif name:
        page = inspect.getdoc(sys.modules[type(tasks[name]).__module__]) or ""
        console().print(page, markup=False)
        console().print(f"\nColumns     {tasks[name].inputs}\nMetrics     {_metrics(tasks[name])}", markup=False)
    else:
        _table(tasks)


def _table(tasks: dict[str, Task]) -> None:
    from rich.table import Table

    from leantune.cli._console import console

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("task", style="cyan", no_wrap=True)
    for heading in ("what it is", "columns", "metrics"):
        table.add_column(heading)
    for key, task in tasks.items():
        table.add_row(key, task.summary, task.inputs, _metrics(task))
    console().print(table)


def _metrics(task: Task) -> str:
    return ", ".join([f"{task.metrics[0]} (default)", *task.metrics[1:], *(f"{error} (told besides)" for error in task.reported)])


def _facts(task: Task) -> dict[str, Any]:
    return {
        "name": task.name,
        "summary": task.summary,
        "inputs": task.inputs,
        "default_metric": task.metrics[0],
        "metrics": list(task.metrics),
        "reported": list(task.reported),
    }
