"""`leantune check FILE`: everything about a labelled file that can spoil a comparison, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from leantune.core.records import CheckReport
    from leantune.data.check import TokenCounter
    from leantune.data.dataset import Dataset

DEFAULT_MODEL = "minilm"
_MARKS = {"error": ("error", "bold red"), "warning": ("warning", "yellow"), "info": ("note", "cyan")}
_SHOWN_LABELS = 12


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, TSV, JSON, JSON Lines or Parquet file, a folder, or a hub data set.")],
    dev: Annotated[str | None, typer.Option(metavar="FILE", help="Rows to choose on; cut from FILE when not given.")] = None,
    test: Annotated[str | None, typer.Option(metavar="FILE", help="Rows to report on; cut from FILE when not given.")] = None,
    text: Annotated[str | None, typer.Option(metavar="COL", help="The text column.")] = None,
    text_pair: Annotated[str | None, typer.Option(metavar="COL", help="The second text's column.")] = None,
    label: Annotated[str | None, typer.Option(metavar="COL", help="The label column.")] = None,
    task: Annotated[str | None, typer.Option(metavar="TASK", help="The task.")] = None,
    model: Annotated[str | None, typer.Option(metavar="M", help=f"Base model that counts tokens [default: {DEFAULT_MODEL}].")] = None,
    max_length: Annotated[int | None, typer.Option(metavar="N", help="Tokens a row may have; the model's own when not given.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed cuts other rows.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check a labelled file: labels, lengths, empty texts, duplicates, leakage between splits, giveaways."""
    import tempfile

    from leantune.data.check import check
    from leantune.data.dataset import prepare

    with tempfile.TemporaryDirectory(prefix="leantune-check-") as folder:
        columns = {"text": text, "text_pair": text_pair, "label": label}
        dataset = prepare(file, Path(folder), dev=dev, test=test, **columns, seed=seed, task=task)
        counter, length, why_not = _token_counter(model, max_length)
        report = check(dataset, tokenizer=counter, max_length=length)
        if as_json:
            typer.echo(report.model_dump_json(indent=2))
            return
        _show(dataset, report, why_not)


def _token_counter(model: str | None, max_length: int | None) -> tuple[TokenCounter | None, int | None, str]:
    """How to count tokens and how many a row may have; without --model a missing default is no error."""
    from leantune.core.errors import LeantuneError
    from leantune.models.base import open_base

    try:
        base = open_base(model or DEFAULT_MODEL, max_length=max_length)
    except LeantuneError as error:
        if model is not None or error.code == "E-RANGE":
            raise
        return None, None, f"not counted: {error.message}"

    def count(texts: list[str], pairs: list[str] | None) -> list[int]:
        coded = base.tokenizer(texts, pairs, truncation=False, verbose=False, return_attention_mask=False)
        return [len(ids) for ids in coded["input_ids"]]

    return count, base.max_length, base.name


def _show(dataset: Dataset, report: CheckReport, lengths_by: str) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, soft_wrap=True, width=160)
    total = sum(report.splits.values())
    console.print(f"{report.source}: {total:,} rows, {len(dataset.labels):,} labels, {dataset.task}", style="bold", markup=False)
    for inference in dataset.inferences:
        console.print(f"  {inference}", style="dim", markup=False)
    _show_labels(console, dataset, report)
    _show_lengths(console, report, lengths_by)
    _show_findings(console, report)


def _show_labels(console: Console, dataset: Dataset, report: CheckReport) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 2))
    table.add_column("label", overflow="fold")
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
    count = report.labels[split].get(label, 0)
    return f"{count:,} ({100 * count / max(1, report.splits[split]):.0f}%)"


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
