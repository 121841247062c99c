"""The verdict table's lines: each method with its trials, in three groups that are never mixed.

methods: what was tuned to the end · floors: what needs no tuning · failed: what did not finish, with the reason
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from leantune.comparison.groups import is_full
from leantune.core.records import Comparison, MethodRow, TrialRecord, Verdict

SHAPES: dict[Verdict, str] = {
    "better": "up",
    "as good": "circle",
    "worse": "down",
    "undecided": "diamond",
    "indicative": "diamond",
    "dropped": "down",
    "reference": "square",
    "failed": "cross",
    "floor": "bar",
}
"""The verdict's second channel beside its colour, in table and charts."""


@dataclass(frozen=True)
class Line:
    """One method of the table and the trials behind it."""

    row: MethodRow
    finals: list[TrialRecord]
    """Full-length trials, by seed."""
    races: list[TrialRecord]
    """Short trials of the learning-rate race, by rate."""

    @property
    def style(self) -> str:
        """The verdict as a CSS class name."""
        return self.row.verdict.replace(" ", "-")

    @property
    def shape(self) -> str:
        """The verdict's icon."""
        return SHAPES[self.row.verdict]

    @property
    def notes(self) -> list[str]:
        """What the trials noted, each once, reasons of failure first."""
        said = [trial.reason for trial in self.finals + self.races if trial.reason]
        said += [note for trial in self.finals for note in trial.notes]
        return list(dict.fromkeys(said))


@dataclass(frozen=True)
class Table:
    """All lines, grouped; the order inside a group is the comparison's own (best first)."""

    lines: list[Line]

    @cached_property
    def reference(self) -> Line | None:
        """What the differences are against: full fine-tuning, or where that did not finish another method."""
        return next((line for line in self.lines if line.row.verdict == "reference"), None)

    @property
    def against(self) -> str:
        """The reference's name."""
        return self.reference.row.name if self.reference else "the reference"

    @property
    def yardstick(self) -> str:
        """The reference in prose."""
        return "full fine-tuning" if is_full(self.against) else self.against

    @cached_property
    def chosen(self) -> Line | None:
        """The method that would be shipped."""
        return next((line for line in self.lines if line.row.chosen), None)

    @cached_property
    def methods(self) -> list[Line]:
        """Tuned to the end."""
        return [line for line in self.lines if line.row.kind == "method" and line.row.verdict != "failed"]

    @cached_property
    def floors(self) -> list[Line]:
        """What needs no tuning."""
        return [line for line in self.lines if line.row.kind == "baseline" and line.row.verdict != "failed"]

    @cached_property
    def failed(self) -> list[Line]:
        """What did not finish."""
        return [line for line in self.lines if line.row.verdict == "failed"]


def make_table(comparison: Comparison) -> Table:
    """Join the method rows with their trials."""
    return Table([_line(row, comparison.trials) for row in comparison.methods])


def _line(row: MethodRow, trials: Sequence[TrialRecord]) -> Line:
    own = [trial for trial in trials if trial.name == row.name]
    finals = sorted((trial for trial in own if trial.phase != "race"), key=lambda trial: trial.seed)
    races = sorted((trial for trial in own if trial.phase == "race"), key=lambda trial: trial.recipe.lr if trial.recipe else 0.0)
    return Line(row, finals, races)
