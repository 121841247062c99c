"""What a comparison found, in a terminal: the table, the choice, and where everything lies."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from leantune.comparison import table as verdicts
from leantune.core.records import Comparison

COLOURS = {
    "better": "green",
    "as good": "green",
    "reference": "cyan",
    "undecided": "yellow",
    "worse": "red",
    "dropped": "red",
    "failed": "red",
}


def print_verdicts(comparison: Comparison, run: Path, console: Console, *, plain: bool) -> None:
    """The table, the choice, and where everything lies."""
    if plain:
        print(f"{verdicts.text(comparison)}\n\n{comparison.choice.reason}")  # noqa: T201
    else:
        console.print(_verdict_table(comparison, console.width))
        if (made := verdicts.by_test(comparison)) is not None:
            console.print()
            console.print(_test_table(made))
        console.print(Panel(Text(comparison.choice.reason), title="Choice", title_align="left", border_style="green"))
    if comparison.inspection and (others := verdicts.other_scores(comparison)):
        console.print(escape(f"{comparison.inspection.method} besides: {others}"))
    for row in comparison.methods:
        if row.verdict == "failed":
            console.print(f"[red]{escape(row.name)}[/red]: {escape(row.detail)}")
    if comparison.choice.artifact:
        other = comparison.choice.shipped != comparison.choice.method
        note = f" ({comparison.choice.shipped}, for those who want a tuned model)" if other else ""
        console.print(f"artifact  {run / comparison.choice.artifact}{escape(note)}")
        console.print(f"          {escape(comparison.choice.proof or '')}")
    if not comparison.ledger.finished:
        console.print("The budget ended before the last seed: the same command goes on.")
    console.print(f"report    {run / 'report.html'}")


def _test_table(made: verdicts.Table) -> Table:
    """A column per test set; the difference stands under the score, so that several languages have room."""
    shown = Table(box=None, padding=(0, 1), header_style="bold", title="On every test set", title_justify="left", title_style="bold")
    shown.add_column("method", overflow="fold")
    for name in (made.header[1], *made.header[2::2]):
        shown.add_column(name, justify="right", overflow="fold")
    for name, main, *further in made.lines:
        pairs = zip(further[::2], further[1::2], strict=True)
        shown.add_row(Text(name), main, *(Text.assemble(score, "\n", (gap, "dim")) for score, gap in pairs))
    return shown


def _verdict_table(comparison: Comparison, width: int) -> Table:
    """As many columns as the terminal has room for, the costs left out first."""
    made = verdicts.table(comparison)
    columns = len(made.header)
    while columns > 4 and sum(made.widths()[:columns]) + 2 * columns > width:
        columns -= 1
    shown = Table(box=None, padding=(0, 1), header_style="bold")
    for place, column in enumerate(made.header[:columns]):
        shown.add_column(column, justify="left" if place in (0, 3) else "right", overflow="fold")
    for row, cells in zip(comparison.methods, made.lines, strict=True):
        colour = COLOURS.get(row.verdict, "dim")
        styles = {3: colour} | ({0: "bold", 1: "bold"} if row.chosen else {})
        shown.add_row(*[Text(cell, style=styles.get(place, "")) for place, cell in enumerate(cells[:columns])])
    return shown
