"""What a terminal shows before the first trial: the data, the plan, and in a dry run a row as each prompt makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leantune.app.candidates import Field
from leantune.app.preview import readings_of
from leantune.app.progress import MixturePreflight, Planned, Preflight
from leantune.app.study import Study
from leantune.cli._preview import show_reading
from leantune.core.human import count, duration, percent, size
from leantune.core.records import CheckReport
from leantune.execution.savings import NAMES, Account


def print_check(report: CheckReport, console: Console) -> None:
    """Rows, labels, lengths, and what is wrong."""
    splits = ", ".join(f"{rows:,} {name}" for name, rows in report.splits.items())
    labels = report.labels.get("train", {})
    shown = ", ".join(f"{label} {rows:,}" for label, rows in list(labels.items())[:6])
    rest = f" and {len(labels) - 6} more" if len(labels) > 6 else ""
    console.print(f"\n[bold]Data[/bold]    {splits}")
    if labels:
        console.print(f"        {len(labels)} labels: {escape(shown + rest)}")
    for line in lengths(report):
        console.print(f"        {line}")
    for finding in report.findings:
        if finding.severity != "info":
            colour = "red" if finding.severity == "error" else "yellow"
            console.print(f"        [{colour}]{finding.severity}[/{colour}] {escape(finding.message)}")


def lengths(report: CheckReport) -> Iterator[str]:
    """Tokens of rows and of targets, and how many of them are cut."""
    found = [
        ("row", report.length_quantiles, report.max_length, report.truncated_share),
        ("target", report.target_quantiles, report.target_length, report.truncated_targets),
    ]
    for what, quantiles, most, share in found:
        if quantiles:
            cut = "" if share is None else f"; {percent(share)} of the {what}s are cut at {most}" if share else "; none is cut"
            if share and what == "row" and report.truncated_tokens:
                cut += f", {percent(report.truncated_tokens)} of all tokens are not read (--long {report.long})"
            yield f"tokens per {what}: {', '.join(f'{name} {tokens}' for name, tokens in quantiles.items())}{cut}"


def print_plan(planned: Planned, study: Study, console: Console, *, title: str = "Plan") -> None:
    """What every method will take."""
    plan = planned.plan
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for column in ("method", "trains", "learning rates", "estimated time", "memory"):
        table.add_column(column, justify="left" if column == "method" else "right", overflow="fold")
    for candidate in planned.field.candidates:
        found = planned.probes[candidate.name]
        rates = ", ".join(f"{rate:.2g}" for rate in candidate.planned_rates)
        seconds = duration(plan.seconds.get(candidate.name))
        table.add_row(escape(candidate.name), count(found.trainable_params), rates, seconds, size(found.peak_memory_bytes))
    trials = f"{plan.steps} steps of about {study.options.batch} rows for each of {len(study.spec.seeds)} seeds"
    console.print(f"\n[bold]{escape(title)}[/bold]    {trials}, races of {plan.race_steps} steps{planned.slow and f'; {planned.slow}'}")
    console.print(table)
    for name, reason in planned.field.left_out.items():
        console.print(f"        [yellow]left out[/yellow] {escape(name)}: {escape(reason)}")


def print_accounts(accounts: Sequence[Account], rows: int, console: Console) -> None:
    """What each speed-up takes off a step; nothing where that was not measured."""
    if not accounts:
        return
    used = [name for name in NAMES if any(name in found.without_ms for found in accounts)]
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for column in ("method", "a step", *used):
        table.add_column(column, justify="left" if column == "method" else "right", overflow="fold", no_wrap=column != "method")
    for found in accounts:
        saved = [f"{100 * share:.0f} %" if (share := found.saved(one)) is not None else "–" for one in used]
        table.add_row(escape(found.name), f"{found.step_ms:.3g} ms" if found.step_ms else "none", *saved)
    console.print(f"\n[bold]Speed[/bold]   a step of {rows} rows, and what share of it each of these saves (measured with and without)")
    console.print(table)


def print_total(planned: Preflight | MixturePreflight, console: Console, *, parts: str = "") -> None:
    """What everything will take (`parts`: and of what that is made up), and what more time would buy."""
    console.print(f"        about {duration(planned.seconds)} in all{parts} (budget {planned.budget}). {planned.more_time}\n")


def print_readings(field: Field, study: Study, console: Console) -> None:
    """A training row in the words of each prompt; nothing where no method has one that changes the text."""
    for number, found in enumerate(readings_of(field, study)):
        show_reading(found, console, legend=number == 0)
