"""`leantune check FILE`: everything about a labelled file that can spoil a comparison, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from leantune.cli import _options as option

if TYPE_CHECKING:
    from rich.console import Console

    from leantune.core.records import CheckReport
    from leantune.data.check import TokenCounter
    from leantune.data.dataset import Dataset

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
    split_seed: option.SplitSeed = 0,
    as_json: option.Json = False,
) -> None:
    """Check a labelled file: labels, lengths, empty texts, duplicates, leakage between splits, giveaways."""
    import tempfile

    from leantune.data.check import check
    from leantune.data.dataset import prepare
    from leantune.data.test_sets import named_tests

    with tempfile.TemporaryDirectory(prefix="leantune-check-") as folder:
        columns = {"text": text, "text_pair": text_pair, "label": label}
        dataset = prepare(file, Path(folder), dev=dev, test=named_tests(test), **columns, seed=split_seed, task=task)
        counter, length, why_not = _token_counter(model, max_length)
        report = check(dataset, tokenizer=counter, max_length=length)
        if as_json:
            typer.echo(report.model_dump_json(indent=2))
            return
        _show(dataset, report, why_not)


def _token_counter(model: str, max_length: int | None) -> tuple[TokenCounter | None, int | None, str]:
    """How to count tokens and how many a row may have; that the default is not installed is no error."""
    from leantune.core.errors import LeantuneError
    from leantune.models.base import open_base

    try:
        base = open_base(model, max_length=max_length)
    except LeantuneError as error:
        if model != option.DEFAULT_MODEL or error.code == "E-RANGE":
            raise
        return None, None, f"not counted: {error.message}"
    return base.count_tokens, base.max_length, base.name


def _show(dataset: Dataset, report: CheckReport, lengths_by: str) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, soft_wrap=True, width=160)
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
        table.add_row(_plain(label), *(_with_share(report, split, label, of_words=dataset.gold.words) for split in report.splits))
    if len(order) > _SHOWN_LABELS:
        rest = order[_SHOWN_LABELS:]
        least, most = (report.labels["train"].get(label, 0) for label in (rest[-1], rest[0]))
        table.add_row(f"... {len(rest):,} more", f"{least:,} to {most:,} each", *([""] * (len(report.splits) - 1)))
    table.add_section()
    table.add_row("rows", *(f"{count:,}" for count in report.splits.values()), style="bold")
    console.print()
    console.print(table)


def _with_share(report: CheckReport, split: str, label: str, *, of_words: bool) -> str:
    """How often a label stands in a split, and its share of the rows, or of the words where each has a tag."""
    count = report.labels[split].get(label, 0)
    whole = sum(report.labels[split].values()) if of_words else report.splits[split]
    return f"{count:,} ({100 * count / max(1, whole):.0f}%)"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _show_lengths(console: Console, report: CheckReport, by: str) -> None:
    console.print()
    if not report.length_quantiles:
        console.print(f"tokens per row: {by}", markup=False)
        return
    quantiles = ", ".join(f"{count:,} ({name})" for name, count in report.length_quantiles.items())
    cut = report.truncated_share or 0.0
    share = "none" if cut == 0 else f"{100 * cut:.1f}%" if cut >= 0.001 else "under 0.1%"
    console.print(f"tokens per row: {quantiles}; longer than {report.max_length} and cut: {share} (counted by {by})", markup=False)


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
