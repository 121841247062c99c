"""What a mixture of tasks looks like in a terminal: each task alone, then all together, then what sharing cost or gained."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from leantune.app.mixture import MixedStudy
from leantune.app.mixture_compare import run_mixture_comparison
from leantune.app.progress import Done, MixturePreflight, PlannedAll, Progress, Shared, Turn
from leantune.cli._compare import PARTIAL, Screen
from leantune.cli._plan import print_plan, print_total
from leantune.cli._stopped import stopped
from leantune.cli._verdicts import print_verdicts
from leantune.comparison import sharing_table
from leantune.core.human import duration
from leantune.core.sharing import Sharing
from leantune.execution.hands import Hands


def show_mixture(
    opened: Callable[[], MixedStudy], methods: list[str] | None, hands: Hands, *, command: str, dry_run: bool, style: str
) -> int:
    """Run the comparison of a mixture in the given style; the exit code."""
    console = Console(quiet=style in ("quiet", "json"), highlight=False, soft_wrap=style == "lines")
    try:
        with console.status("Reading the data and the base model ...") if style == "live" else nullcontext():
            mixed = opened()
        screens = _Screens(console, style)
        wanted = mixed.default_methods if methods is None else methods
        for progress in run_mixture_comparison(mixed, wanted, command=command, dry_run=dry_run, hands=hands):
            screens.hear(progress)
    except KeyboardInterrupt as error:
        return stopped(error, "Finished trials are kept, and the last checkpoint of the one at hand")
    if screens.sharing is not None:
        return _conclude(screens.sharing, mixed.run, console, style)
    if screens.preflight is not None and style in ("json", "quiet"):
        print(screens.preflight.model_dump_json(indent=1) if style == "json" else duration(screens.preflight.seconds))  # noqa: T201
    return 0


class _Screens:
    """A screen for each part."""

    def __init__(self, console: Console, style: str) -> None:
        self.console, self.style = console, style
        self.screen: Screen | None = None
        self.preflight: MixturePreflight | None = None
        self.sharing: Sharing | None = None

    def hear(self, progress: Progress) -> None:
        """Show one thing."""
        if isinstance(progress, Turn):
            self._turn(progress)
        elif isinstance(progress, PlannedAll):
            self._plan(progress)
        elif isinstance(progress, Shared):
            self._close()
            self.sharing = progress.sharing
        elif isinstance(progress, Done) and self.screen is not None:
            run = self.screen.study.run
            self._close()
            if self.style in ("live", "lines"):
                print_verdicts(progress.comparison, run, self.console, plain=self.style == "lines")
        elif self.screen is not None:
            self.screen.hear(progress)

    def _turn(self, turn: Turn) -> None:
        self._close()
        self.console.rule(escape(turn.text), align="left")
        self.screen = Screen(self.console, turn.study, self.style)
        if turn.planned is not None:
            self.screen.begin(turn.planned)
            return
        for line in turn.study.inferences:
            self.console.print(f"[dim]·[/dim] {escape(line)}")

    def _plan(self, planned: PlannedAll) -> None:
        assert self.screen is not None
        study = self.screen.study
        self._close()
        self.preflight = planned.preflight
        self.console.rule("plan", align="left")
        for name, one in planned.alone.items():
            print_plan(one, study, self.console, title=f"{name} alone")
        print_plan(planned.together, study, self.console, title="together")
        both = f"{duration(planned.plan.alone_seconds)} alone and {duration(planned.plan.together.total_seconds)} together"
        self.console.print()
        print_total(planned.preflight, self.console, parts=f", {both}")

    def _close(self) -> None:
        if self.screen is not None:
            self.screen.close()
        self.screen = None


def _conclude(sharing: Sharing, run: Path, console: Console, style: str) -> int:
    if style == "json":
        print(sharing.model_dump_json(indent=1))  # noqa: T201
    elif style == "quiet":
        print(f"{sharing.choice.reason}\n{run / 'report.html'}")  # noqa: T201
    else:
        print(f"\n{sharing_table.text(sharing)}\n\n{sharing.choice.reason}")  # noqa: T201
        for method in sharing.methods:
            if method.failure:
                console.print(f"[red]{escape(method.name)}[/red]: {escape(method.failure)}")
        for name, folder in sharing.choice.artifacts.items():
            console.print(f"artifact  {run / folder} ({escape(name)})")
        console.print(f"report    {run / 'report.html'}")
    return PARTIAL if any(method.failure for method in sharing.methods) else 0
