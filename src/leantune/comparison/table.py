"""The verdict table as plain cells: one source for the terminal, the Markdown report and scripts.

method          test           vs full            verdict    trains   stored   time    memory   latency 1 / 32
lora(rank=8)    91.0 ± 1.0 %   +0.3 [-0.5, +1.0]  as good    149.8 k  604 kB   71 s    1.2 GB   6.3 / 71.2 ms
"""

from __future__ import annotations

from dataclasses import dataclass

from leantune.core.human import DASH, count, duration, milliseconds, points_interval, score_interval, size
from leantune.core.records import Comparison, Cost, MethodRow

_NUMBERS_FROM = 4
"""Columns from here on are numbers and align right."""


@dataclass(frozen=True)
class Table:
    """Header and cells, all text; one line per method, in the order of the comparison."""

    header: list[str]
    lines: list[list[str]]

    def widths(self) -> list[int]:
        """Characters of the widest cell of each column."""
        return [max(len(line[column]) for line in [self.header, *self.lines]) for column in range(len(self.header))]


def table(comparison: Comparison) -> Table:
    """The verdict table; the chosen method is marked with an asterisk."""
    against = next((row.name for row in comparison.methods if row.verdict == "reference"), "reference")
    header = ["method", "test", f"vs {against}", "verdict", "trains", "stored", "time", "memory", "latency 1 / 32"]
    return Table(header, [_line(row) for row in comparison.methods])


def text(comparison: Comparison) -> str:
    """The table with aligned columns, for a terminal without colours."""
    made = table(comparison)
    widths = made.widths()
    return "\n".join(_aligned(line, widths) for line in [made.header, *made.lines])


def markdown(comparison: Comparison) -> str:
    """The table in Markdown; numbers align right, the chosen method is bold."""
    made = table(comparison)
    rule = ["---" if column < _NUMBERS_FROM else "---:" for column in range(len(made.header))]
    lines = [made.header, rule]
    for row, line in zip(comparison.methods, made.lines, strict=True):
        lines.append([f"**{_escaped(row.name)}**" if row.chosen else _escaped(row.name), *line[1:]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(row: MethodRow) -> list[str]:
    return [
        f"{row.name} *" if row.chosen else row.name,
        score_interval(row.interval),
        points_interval(row.difference_to_full),
        row.verdict if row.within_limits else f"{row.verdict}, over the limit",
        count(row.cost.trainable_params),
        size(row.cost.saved_bytes),
        duration(row.cost.train_seconds),
        size(row.cost.peak_memory_bytes),
        _latency(row.cost),
    ]


def _latency(cost: Cost) -> str:
    if cost.latency_ms is None:
        return DASH
    return f"{milliseconds(cost.latency_ms.batch_1).removesuffix(' ms')} / {milliseconds(cost.latency_ms.batch_32)}"


def _aligned(line: list[str], widths: list[int]) -> str:
    cells = [
        cell.ljust(width) if column < _NUMBERS_FROM else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
