"""The comparison of a mixture: each task alone, as ever; then every method on all of them, as many steps as they had together.

for progress in run_mixture_comparison(mixed, ["full", "lora"], command="..."): ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leantune.app.compare import carry_out
from leantune.app.expressions import read_methods
from leantune.app.mixture import MixedStudy
from leantune.app.mixture_preflight import all_made_ready, all_planned
from leantune.app.mixture_ship import conclude_mixture
from leantune.app.progress import Doing, Done, PlannedAll, Progress, Shared, Turn
from leantune.app.together import Together
from leantune.core.budget import parse_budget
from leantune.core.records import Comparison
from leantune.execution.hands import Hands
from leantune.execution.runner import Runner


def run_mixture_comparison(
    mixed: MixedStudy, methods: Sequence[str], *, command: str, dry_run: bool = False, hands: Hands | None = None
) -> Iterator[Progress]:
    """Compare every task alone, then all of them together; the last progress is `Shared` (`PlannedAll` for a dry run).

    Args:
        mixed: the studies.
        methods: expressions.
        command: how to run it again, for the reports.
        dry_run: stop after the plan.
        hands: a worker that was started early, or a cluster; a worker of its own where None.

    Raises:
        LeantuneError: for mistakes that can be known before training, and for a run folder in use.
    """
    parsed = read_methods(methods)
    with mixed.locked(), Runner(mixed.run, mixed.blend, hands, mixed.options.conduct) as runner:
        ready = yield from all_made_ready(mixed, parsed, runner)
        planned = all_planned(ready)
        yield planned
        if dry_run:
            return
        alone = dict[str, Comparison]()
        for name, study in mixed.studies.items():
            yield Turn(f"{name} alone", study, planned.alone[name])
            own, seconds = runner.of(study.run, study.conditions), _seconds(mixed, planned, planned.alone[name].plan.total_seconds)
            for progress in carry_out(ready.alone[name], planned.alone[name], own, command, seconds):
                if isinstance(progress, Done):
                    alone[name] = progress.comparison
                yield progress
        yield Turn(f"{', '.join(mixed.studies)} together", mixed.first, planned.together)
        together = Together(mixed, planned.together, runner, _seconds(mixed, planned, planned.together.plan.total_seconds))
        yield from together.run()
        yield Doing("comparing with training alone, and proving the artifacts in fresh processes")
        told = {
            "command": command,
            "name": mixed.mix.name,
            "steps": planned.together.plan.steps,
            "lines": together.lines,
            "left_out": ready.field.left_out,
        }
        yield Shared(conclude_mixture(mixed.run, mixed.studies, mixed.blend, alone, together.finals, told))


def _seconds(mixed: MixedStudy, planned: PlannedAll, part: float) -> float | None:
    """Time for a part of the plan: its share of the budget; None where that is in steps."""
    budget = parse_budget(mixed.options.budget_text).seconds
    return None if budget is None else max(budget, planned.plan.total_seconds) * part / planned.plan.total_seconds
