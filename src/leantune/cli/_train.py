"""What a single training looks like in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from leantune.app.progress import Heard, Progress, Tried
from leantune.app.ship import BEST
from leantune.app.study import Study
from leantune.artifact.manifest import read_manifest
from leantune.cli._compare import INTERRUPTED, judged
from leantune.core.events import Evaluated, Started, Stepped
from leantune.core.human import count, duration, percent, size
from leantune.core.records import TrialRecord
from leantune.data.test_sets import MAIN


def show(opened: Callable[[], Study], training: Callable[[Study], Iterator[Progress]], *, plain: bool, quiet: bool, json: bool) -> int:
    """Follow a training to its end and print the result; the exit code."""
    console = Console(quiet=quiet or json, highlight=False, soft_wrap=plain)
    try:
        study = opened()
        for line in study.inferences:
            console.print(f"[dim]·[/dim] {escape(line)}")
        _follow(training(study), study, console, plain=plain, quiet=quiet, json=json)
    except KeyboardInterrupt:
        print("\nStopped. Nothing was saved; the same command starts again.", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    return 0


def _follow(progress: Iterator[Progress], study: Study, console: Console, *, plain: bool, quiet: bool, json: bool) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=plain or quiet or json) as bar:
        task = bar.add_task("starting")
        for one in progress:
            if isinstance(one, Heard):
                if isinstance(one.event, Started):
                    bar.update(task, total=one.event.steps)
                    console.print(f"{one.event.name}: trains {count(one.event.trainable_params)} parameters, {one.event.steps} steps")
                elif isinstance(one.event, Stepped):
                    bar.update(task, completed=one.event.step, description=f"loss {one.event.loss:.3f}")
                elif isinstance(one.event, Evaluated):
                    point = one.event.point
                    console.print(f"step {point.step}: loss {point.train_loss:.3f}, dev {judged(study, point.dev_score)}")
            elif isinstance(one, Tried):
                _result(one.record, study, console, quiet=quiet, json=json)


def _result(record: TrialRecord, study: Study, console: Console, *, quiet: bool, json: bool) -> None:
    artifact = study.run / BEST
    if json:
        print(record.model_dump_json(indent=1))  # noqa: T201
        return
    if quiet:
        print(artifact)  # noqa: T201
        return
    metric, cost = study.conditions.metric, record.cost
    if record.status != "ok":
        console.print(f"[yellow]{record.status}[/yellow]: {escape(record.reason or '')}")
    main, *further = study.dataset.tests
    named = "test" if main == MAIN else f"test {main},"
    console.print(
        f"{named} {metric} {percent(record.scores.test)} (dev {percent(record.scores.dev)}), trained in {duration(cost.train_seconds)}"
    )
    for name in further:
        console.print(f"test {name}, {metric} {percent(record.scores.on(name))}")
    console.print(f"stored {size(cost.saved_bytes)}, peak memory {size(cost.peak_memory_bytes)}")
    console.print(f"artifact  {artifact}")
    console.print(f"          {read_manifest(artifact).proof}")
