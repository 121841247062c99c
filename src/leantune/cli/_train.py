"""What a single training looks like in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from json import dumps
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from leantune.app.mixture import MixedStudy
from leantune.app.mixture_train import records_of
from leantune.app.progress import Heard, Progress, Said, Tried
from leantune.app.ship import BEST
from leantune.app.study import Study
from leantune.artifact.manifest import read_manifest
from leantune.cli._compare import judged
from leantune.cli._stopped import stopped
from leantune.core.events import Evaluated, Noted, Started, Stepped
from leantune.core.human import count, duration, percent, size
from leantune.core.records import TrialRecord
from leantune.data.test_sets import MAIN

S = TypeVar("S", Study, MixedStudy)
"""What is trained: one task, or several."""


def show(
    opened: Callable[[], S],
    training: Callable[[S], Iterator[Progress]],
    *,
    plain: bool,
    quiet: bool,
    json: bool,
) -> int:
    """Follow a training to its end and print the result; the exit code."""
    console = Console(quiet=quiet or json, highlight=False, soft_wrap=plain)
    try:
        study = opened()
        for line in study.inferences:
            console.print(f"[dim]·[/dim] {escape(line)}")
        record = _followed(training(study), study, console, plain=plain or quiet or json)
    except KeyboardInterrupt as error:
        return stopped(error, "The last checkpoint is kept, where there is one")
    if isinstance(study, Study):
        _result(record, study, study.run / BEST, console, quiet=quiet, json=json)
    else:
        _results(record, study, console, quiet=quiet, json=json)
    return 0


def _followed(progress: Iterator[Progress], study: Study | MixedStudy, console: Console, *, plain: bool) -> TrialRecord:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    record: TrialRecord | None = None
    with Bar(*columns, console=console, disable=plain) as bar:
        task = bar.add_task("starting")
        for one in progress:
            if isinstance(one, Heard):
                if isinstance(one.event, Started):
                    bar.update(task, total=one.event.steps)
                    console.print(f"{one.event.name}: trains {count(one.event.trainable_params)} parameters, {one.event.steps} steps")
                elif isinstance(one.event, Stepped):
                    bar.update(task, completed=one.event.step, description=f"loss {one.event.loss:.3f}")
                elif isinstance(one.event, Noted):
                    console.print(f"[dim]· {escape(one.event.text)}[/dim]")
                elif isinstance(one.event, Evaluated):
                    point = one.event.point
                    dev = judged(study, point.dev_score) if isinstance(study, Study) else f"mean {percent(point.dev_score)}"
                    console.print(f"step {point.step}: loss {point.train_loss:.3f}, dev {dev}")
            elif isinstance(one, Said):
                console.print(f"[yellow]·[/yellow] {escape(one.text)}")
            elif isinstance(one, Tried):
                record = one.record
    assert record is not None
    return record


def _results(record: TrialRecord, mixed: MixedStudy, console: Console, *, quiet: bool, json: bool) -> None:
    """Of every task of a mixture."""
    parts = records_of(mixed, record)
    if json:
        print(dumps({name: part.model_dump(mode="json") for name, part in parts.items()}, indent=1, ensure_ascii=False))  # noqa: T201
        return
    for name, part in parts.items():
        console.rule(escape(name), align="left")
        _result(part, mixed.studies[name], mixed.run / BEST / name, console, quiet=quiet, json=False)


def _result(record: TrialRecord, study: Study, artifact: Path, console: Console, *, quiet: bool, json: bool) -> None:
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
