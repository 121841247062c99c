"""What a comparison looks like in a terminal: preflight, live table, verdicts. It reads progress and decides nothing.

Styles: live (a table that is redrawn), lines (plain, for logs), quiet (the result only), json (one document).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.status import Status
from rich.table import Table
from rich.text import Text

from leantune.app.compare import run_comparison
from leantune.app.progress import Checked, Doing, Done, Heard, Planned, Progress, Said, Tried, Trying
from leantune.app.study import Study
from leantune.cli._plan import print_accounts, print_check, print_plan, print_readings, print_total
from leantune.cli._stopped import stopped
from leantune.cli._verdicts import print_verdicts
from leantune.core.events import Evaluated, Noted, Stepped
from leantune.core.human import duration, percent
from leantune.core.records import Comparison
from leantune.execution.hands import Hands

PARTIAL = 3
"""Exit code when a method failed and the rest stands."""


def show(
    opened: Callable[[], Study],
    methods: list[str] | None,
    hands: Hands,
    *,
    command: str,
    dry_run: bool,
    style: str,
    verbose: bool = False,
) -> int:
    """Run a comparison in the given style; the exit code."""
    console = Console(quiet=style in ("quiet", "json"), highlight=False, soft_wrap=style == "lines")
    try:
        with console.status("Reading the data and the base model ...") if style == "live" else nullcontext():
            study = opened()
        for line in study.inferences:
            console.print(f"[dim]·[/dim] {escape(line)}")
        with Screen(console, study, style) as screen:
            for progress in run_comparison(study, methods, command=command, dry_run=dry_run, verbose=verbose, hands=hands):
                screen.hear(progress)
    except KeyboardInterrupt as error:
        return stopped(error, "Finished trials are kept, and the last checkpoint of the one at hand")
    if screen.comparison is not None:
        return _conclude(screen.comparison, study.run, console, style)
    if screen.planned is not None and style in ("json", "quiet"):
        found = screen.planned.preflight
        print(found.model_dump_json(indent=1) if style == "json" else duration(found.seconds))  # noqa: T201
    elif screen.planned is not None:
        print_readings(screen.planned.field, study, console)
    return 0


def _conclude(comparison: Comparison, run: Path, console: Console, style: str) -> int:
    if style == "json":
        print(comparison.model_dump_json(indent=1))  # noqa: T201
    elif style == "quiet":
        print(comparison.choice.reason)  # noqa: T201
        print(run / "report.html")  # noqa: T201
    else:
        print_verdicts(comparison, run, console, plain=style == "lines")
    return PARTIAL if any(row.verdict == "failed" for row in comparison.methods) else 0


def judged(study: Study, score: float | None) -> str:
    """What a network that is still training is judged by, named where that is not the study's metric."""
    name = study.context.judged_by
    return percent(score) if score is None or name == study.conditions.metric else f"{name} {percent(score)}"


class Screen:
    """The lines and the live table between the preflight and the verdicts."""

    def __init__(self, console: Console, study: Study, style: str) -> None:
        self.console, self.study, self.style = console, study, style
        self.comparison: Comparison | None = None
        self.planned: Planned | None = None
        self.status: Status | None = None
        self.rows: dict[str, dict[str, str]] = {}
        self.ends, self.told, self.started = 0.0, time.monotonic(), time.monotonic()
        self.live: Live | None = None

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the screen as it is."""
        if self.status is not None:
            self.status.stop()
        if self.live is not None:
            self.live.stop()

    def hear(self, progress: Progress) -> None:
        """Show one thing."""
        if self.status is not None:
            self.status.stop()
        if isinstance(progress, Doing):
            self._doing(progress)
        elif isinstance(progress, Checked):
            print_check(progress.report, self.console)
        elif isinstance(progress, Planned):
            self._plan(progress)
        elif isinstance(progress, Said):
            self._line(f"[dim]{escape(progress.text)}[/dim]")
        elif isinstance(progress, Done):
            self.comparison = progress.comparison
        elif isinstance(progress, Trying | Heard | Tried):
            self._trial(progress)
        if self.live is not None:
            self.live.update(self._table())

    def _doing(self, doing: Doing) -> None:
        """Work without steps to show; it comes before the first trial and after the last one."""
        if self.live is not None:
            self.live.stop()
            self.live = None
        if self.style == "live":
            self.status = self.console.status(f"{doing.text} ...")
            self.status.start()

    def _plan(self, planned: Planned) -> None:
        self.planned = planned
        print_plan(planned, self.study, self.console)
        print_accounts(planned.accounts, self.study.options.batch, self.console)
        print_total(planned.preflight, self.console)
        self.begin(planned)

    def begin(self, planned: Planned) -> None:
        """Trials are next: the live table is made ready."""
        self.ends = planned.plan.total_seconds
        self.rows = {candidate.name: {} for candidate in planned.field.candidates}
        if self.style == "live":
            self.live = Live(self._table(), console=self.console, refresh_per_second=4, transient=True)

    def _trial(self, progress: Trying | Heard | Tried) -> None:
        job = progress.job
        row = self.rows.setdefault(job.name, {})
        what = {"baseline": "fitting", "race": "race", "final": f"seed {job.seed}", "train": "training"}[job.phase]
        if isinstance(progress, Trying):
            if self.live is not None and not self.live.is_started:
                self.live.start()
            self.ends, self.told = progress.seconds_left, time.monotonic()
            row["state"] = what + (f" at {job.recipe.lr:.2g}" if job.recipe and job.phase == "race" else "")
        elif isinstance(progress, Heard):
            if isinstance(progress.event, Stepped):
                row["step"] = f"{progress.event.step}/{progress.event.steps}"
                row["loss"] = f"{progress.event.loss:.3f}"
            elif isinstance(progress.event, Evaluated):
                row["dev"] = judged(self.study, progress.event.point.dev_score)
            elif isinstance(progress.event, Noted) and progress.event.at_once:
                self._line(f"[dim]{escape(job.name)} · {what}: {escape(progress.event.text)}[/dim]")
        else:
            record = progress.record
            score = record.scores.dev
            row["state"], row["dev"] = f"{what} done", judged(self.study, score) if job.phase == "race" else percent(score)
            row["time"] = duration(record.cost.train_seconds)
            outcome = f"dev {row['dev']}" if record.status == "ok" else f"[red]{record.status}[/red]: {escape(record.reason or '')}"
            rate = f" lr {job.recipe.lr:.2g}" if job.recipe else ""
            self._line(
                f"{escape(job.name)} · {what}{rate}: {outcome} in {duration(record.cost.train_seconds)}", only_plain=record.status == "ok"
            )

    def _line(self, markup: str, *, only_plain: bool = False) -> None:
        if self.style == "lines" or not only_plain:
            self.console.print(markup)

    def _table(self) -> Group:
        table = Table(box=None, padding=(0, 2), header_style="bold")
        for column in ("method", "now", "step", "loss", "dev", "train time"):
            table.add_column(column, justify="left" if column in ("method", "now") else "right")
        for name, row in self.rows.items():
            cells = [row.get(key, "") for key in ("state", "step", "loss", "dev", "time")]
            running = bool(row.get("state")) and not row["state"].endswith("done")
            table.add_row(escape(name), *cells, style="bold" if running else "" if row else "dim")
        now = time.monotonic()
        left = max(0.0, self.ends - (now - self.told))
        return Group(table, Text(f"{duration(now - self.started)} spent, about {duration(left)} left (Ctrl-C stops cleanly)", style="dim"))
