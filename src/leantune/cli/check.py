"""`leantune check FILE`: everything about a labelled file that can spoil a comparison, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from leantune.cli import _options as option

if TYPE_CHECKING:
    from rich.console import Console

    from leantune.app.mix_file import Mix
    from leantune.core.records import CheckReport
    from leantune.data.dataset import Dataset
    from leantune.data.lengths import Ruler

_MARKS = {"error": ("error", "bold red"), "warning": ("warning", "yellow"), "info": ("note", "cyan")}
_SHOWN_LABELS = 12


def command(
    file: option.File,
    dev: option.Dev = None,
    test: option.Test = None,
    text: option.Text = None,
    text_pair: option.TextPair = None,
    label: option.Label = None,
    task: option.Task = None,
    model: option.Model = option.DEFAULT_MODEL,
    max_length: option.MaxLength = None,
    long: option.Long = "head",
    max_target_length: option.MaxTargetLength = None,
    split_seed: option.SplitSeed = 0,
    most_lost: option.MostLost = 0.05,
    left_out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write what rows lose here, where they lose anything, as JSON Lines.")
    ] = None,
    as_json: option.Json = False,
) -> None:
    """Check a labelled file: labels, lengths, empty texts, duplicates, leakage between splits, giveaways. Of a file of tasks, each."""
    from leantune.app.mix_file import is_mix, read_mix, refuse_for_all, refuse_for_one
    from leantune.core.long import ways_by_field
    from leantune.data.test_sets import named_tests

    columns = {"text": text, "text_pair": text_pair, "label": label, "task": task}
    ways_by_field(long)  # a typo is told before anything is read
    counting = _counting(model, max_length, max_target_length, long)
    reading = {"seed": split_seed, "most_lost": most_lost}
    if is_mix(file):
        refuse_for_all(dev=dev, test=test, **columns)
        refuse_for_one(left_out=left_out)
        _check_each(read_mix(file), counting, as_json=as_json, **reading)
        return
    dataset, report = _checked(file, counting, left_out=left_out, dev=dev, test=named_tests(test), **reading, **columns)
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        _show(dataset, report, counting.told)


def _check_each(mix: Mix, counting: Counting, *, as_json: bool, **reading: Any) -> None:
    """Check all tasks of a file; those that cannot be read are told at the end, all at once."""
    import json

    from leantune.core.errors import LeantuneError, Problems, SpecError

    problems, reports = Problems(mix.name), {}
    for one in mix.tasks:
        columns = {"text": one.text, "text_pair": one.text_pair, "label": one.label, "task": one.task}
        try:
            dataset, report = _checked(one.file, counting, dev=one.dev, test=one.test, **reading, **columns)
        except LeantuneError as error:
            problems.add(f"task {one.name}: {error.message}", error.code)
            continue
        reports[one.name] = report.model_dump(mode="json")
        if not as_json:
            _show(dataset, report, counting.told, name=one.name)
    problems.raise_if_any(SpecError)
    if as_json:
        typer.echo(json.dumps(reports, indent=2, ensure_ascii=False))


def _checked(file: str, counting: Counting, left_out: str | None = None, **given: Any) -> tuple[Dataset, CheckReport]:
    """Prepare the rows of a task in a folder that goes, and check them; what they lose is written first."""
    import tempfile

    from leantune.data.check import check
    from leantune.data.dataset import prepare

    with tempfile.TemporaryDirectory(prefix="leantune-check-") as folder:
        try:
            dataset = prepare(file, Path(folder), **given)
        finally:
            if left_out is not None:
                _keep_losses(Path(folder), Path(left_out))
        return dataset, check(dataset, counting.ruler(dataset) if counting.ruler else None)


def _keep_losses(folder: Path, out: Path) -> None:
    """The list of what rows lose, where the user wants it."""
    from leantune.core.errors import DataError
    from leantune.core.files import write_atomic
    from leantune.data.losses import FILE

    try:
        if (folder / FILE).exists():
            write_atomic(out, (folder / FILE).read_bytes())
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror}).", "E-FILE") from None


class Counting(NamedTuple):
    """How tokens are counted."""

    ruler: Callable[[Dataset], Ruler] | None
    """For the rows of a task."""
    told: str
    """By whom, or why they are not."""


def _counting(model: str, max_length: int | None, max_target_length: int | None, long: str) -> Counting:
    """How to count tokens and how many a row may have; that the default is not installed is no error."""
    from leantune.app.long_texts import long_of
    from leantune.app.ruler import room_of, ruler_of
    from leantune.core.errors import LeantuneError
    from leantune.models.base import open_base

    try:
        base = open_base(model, max_length=max_length)
    except LeantuneError as error:
        if model != option.DEFAULT_MODEL or error.code == "E-RANGE":
            raise
        return Counting(None, f"not counted: {error.message}")

    def ruler(dataset: Dataset) -> Ruler:
        return ruler_of(dataset, base, room_of(dataset, base, max_target_length), long_of(long, dataset, base))

    return Counting(ruler, base.name)


def _show(dataset: Dataset, report: CheckReport, lengths_by: str, *, name: str | None = None) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, soft_wrap=True, width=160)
    if name is not None:
        console.rule(_plain(name), align="left")
    total = sum(report.splits.values())
    labels = f"{len(dataset.labels):,} labels, " if report.labels["train"] else ""
    console.print(f"{report.source}: {total:,} rows, {labels}{dataset.task}", style="bold", markup=False)
    for inference in dataset.inferences:
        console.print(f"  {inference}", style="dim", markup=False)
    _show_labels(console, dataset, report)
    _show_lengths(console, report, lengths_by)
    _show_findings(console, report)


def _show_labels(console: Console, dataset: Dataset, report: CheckReport) -> None:
    from rich.table import Table

    if not report.labels["train"]:
        console.print("\nrows: " + ", ".join(f"{count:,} {split}" for split, count in report.splits.items()))
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 2))
    table.add_column("tag (share of the words)" if dataset.gold.words else "label", overflow="fold")
    for split in report.splits:
        table.add_column(split, justify="right")
    order = sorted(dataset.labels, key=lambda label: -report.labels["train"].get(label, 0))
    for label in order[:_SHOWN_LABELS]:
        table.add_row(_plain(label), *(_with_share(report, split, label) for split in report.splits))
    if len(order) > _SHOWN_LABELS:
        rest = order[_SHOWN_LABELS:]
        least, most = (report.labels["train"].get(label, 0) for label in (rest[-1], rest[0]))
        table.add_row(f"... {len(rest):,} more", f"{least:,} to {most:,} each", *([""] * (len(report.splits) - 1)))
    table.add_section()
    table.add_row("rows", *(f"{count:,}" for count in report.splits.values()), style="bold")
    console.print()
    console.print(table)


def _with_share(report: CheckReport, split: str, label: str) -> str:
    """How often a label stands in a split, and its share."""
    return f"{report.labels[split].get(label, 0):,} ({100 * report.share(split, label):.0f}%)"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _show_lengths(console: Console, report: CheckReport, by: str) -> None:
    console.print()
    if not report.length_quantiles:
        console.print(f"tokens per row: {by}", markup=False)
        return
    shown = [("row", report.length_quantiles, report.max_length, report.truncated_share)]
    if report.target_quantiles:
        shown.append(("target", report.target_quantiles, report.target_length, report.truncated_targets))
    for what, tokens, most, share in shown:
        quantiles = ", ".join(f"{count:,} ({name})" for name, count in tokens.items())
        cut = "cut: none" if share is None else f"cut: {_share(share)}"
        if what == "row" and share:
            cut += f", {_share(report.truncated_tokens or 0.0)} of all tokens are not read (--long {report.long})"
        console.print(f"tokens per {what}: {quantiles}; longer than {most} and {cut} (counted by {by})", markup=False)


def _share(cut: float) -> str:
    return "none" if cut == 0 else f"{100 * cut:.1f}%" if cut >= 0.001 else "under 0.1%"


def _show_findings(console: Console, report: CheckReport) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print()
    grid = Table.grid(padding=(0, 1))
    for found in report.findings:
        word, style = _MARKS[found.severity]
        line = Text.assemble(found.message, (f" {found.fix}" if found.fix else "", "dim"))
        if console.is_terminal:
            grid.add_row(Text(word, style=style), line)
        else:
            console.print(f"{word}: {line}", markup=False)
    if grid.row_count:
        console.print(grid)
    counts = {severity: sum(found.severity == severity for found in report.findings) for severity in _MARKS}
    verdict = ", ".join(f"{count} {_MARKS[severity][0]}{'' if count == 1 else 's'}" for severity, count in counts.items() if count)
    console.print()
    console.print(verdict or "nothing found", style="bold", markup=False)
