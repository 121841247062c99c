"""The verdict table as plain cells: one source for the terminal, the Markdown report and scripts.

method          test           vs full            verdict    trains   stored   model    time    memory   latency 1 / 32
lora(rank=8)    91.0 ± 1.0 %   +0.3 [-0.5, +1.0]  as good    149.8 k  604 kB   90.3 MB  71 s    1.2 GB   6.3 / 71.2 ms

and, where there are further test sets, a second one:

method          en             de            vs full            fr            vs full
lora(rank=8)    91.0 ± 1.0 %   84.1 ± 1.3 %  +0.1 [-0.9, +1.1]  85.0 ± 1.2 %  -0.2 [-1.1, +0.8]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leantune.core.human import DASH, count, duration, milliseconds, percent, perplexity, points_interval, score_interval, size
from leantune.core.records import Comparison, Cost, MethodRow
from leantune.data.test_sets import MAIN


@dataclass(frozen=True)
class Table:
    """Header and cells, all text; one line per method, in the order of the comparison."""

    header: list[str]
    lines: list[list[str]]
    numbers_from: int = 4
    """Columns from here on are numbers and align right."""

    def widths(self) -> list[int]:
        """Characters of the widest cell of each column."""
        return [max(len(line[column]) for line in [self.header, *self.lines]) for column in range(len(self.header))]


def table(comparison: Comparison) -> Table:
    """The verdict table; the chosen method is marked with an asterisk."""
    header = ["method", _main(comparison), _against(comparison), "verdict", "trains", "stored", "model", "time", "memory", "latency 1 / 32"]
    lines = [_line(row) for row in comparison.methods]
    if by_likelihood(comparison):
        for cells, title in zip([header, *lines], ["perplexity", *(perplexity(row.mean) for row in comparison.methods)], strict=True):
            cells.insert(4, title)
    return Table(header, lines)


def by_likelihood(comparison: Comparison) -> bool:
    """Whether methods are compared by how likely a token is, which readers know as perplexity."""
    return comparison.study.get("metric") == "likelihood"


def other_scores(comparison: Comparison) -> str:
    """Of the inspected method, the scores beside the study's metric: "chrf 41.3 %, rouge1 50.2 %"; "" where there are none."""
    seen = comparison.inspection
    if seen is None:
        return ""
    metric = comparison.study.get("metric")
    shares = [f"{name} {percent(score)}" for name, score in seen.scores.items() if name != metric]
    return ", ".join(shares + [f"{name} {error:,.3g}" for name, error in seen.errors.items()])


def by_test(comparison: Comparison) -> Table | None:
    """The score on every test set: a column for the main one, and for each further one a second column with the difference.

    None where there is one test set.
    """
    _, *further = comparison.tests or {"": 0}
    if not further:
        return None
    header = ["method", _main(comparison), *(title for name in further for title in (name, _against(comparison)))]
    return Table(header, [_by_test(row, further) for row in comparison.methods], numbers_from=1)


def text(comparison: Comparison) -> str:
    """The tables with aligned columns, for a terminal without colours."""
    return "\n\n".join("\n".join(aligned(made)) for made in (table(comparison), by_test(comparison)) if made)


def markdown(comparison: Comparison) -> str:
    """The table in Markdown; numbers align right, the chosen method is bold."""
    made = table(comparison)
    rule = ["---" if column < made.numbers_from else "---:" for column in range(len(made.header))]
    lines = [made.header, rule]
    for row, line in zip(comparison.methods, made.lines, strict=True):
        lines.append([f"**{_escaped(row.name)}**" if row.chosen else _escaped(row.name), *line[1:]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _main(comparison: Comparison) -> str:
    return next(iter(comparison.tests), MAIN)


def _against(comparison: Comparison) -> str:
    return f"vs {next((row.name for row in comparison.methods if row.verdict == 'reference'), 'reference')}"


def _by_test(row: MethodRow, further: Sequence[str]) -> list[str]:
    found = [row.further.get(name) for name in further]
    pairs = [(one.interval, one.difference_to_full) if one else (None, None) for one in found]
    return [_name(row), score_interval(row.interval), *(cell for own, gap in pairs for cell in (score_interval(own), points_interval(gap)))]


def _name(row: MethodRow) -> str:
    return f"{row.name} *" if row.chosen else row.name


def _line(row: MethodRow) -> list[str]:
    return [
        _name(row),
        score_interval(row.interval),
        points_interval(row.difference_to_full),
        row.verdict if row.within_limits else f"{row.verdict}, over the limit",
        count(row.cost.trainable_params),
        size(row.cost.saved_bytes),
        size(row.cost.model_bytes),
        duration(row.cost.train_seconds),
        size(row.cost.peak_memory_bytes),
        _latency(row.cost),
    ]


def _latency(cost: Cost) -> str:
    """One row and 32; with a busy clock as far as they went."""
    found = cost.latency_ms
    if found is None:
        return DASH
    quick = f"{milliseconds(found.batch_1).removesuffix(' ms')} / {milliseconds(found.batch_32)}"
    if not found.restless:
        return quick
    return f"{quick} (busy: to {milliseconds(found.slowest_1).removesuffix(' ms')} / {milliseconds(found.slowest_32)})"


def aligned(made: Table) -> Iterator[str]:
    """The lines of a table with columns of even width."""
    for line in (made.header, *made.lines):
        cells = [
            cell.ljust(width) if column < made.numbers_from else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, made.widths(), strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
