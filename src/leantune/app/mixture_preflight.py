"""Preflight of a mixture: every method is measured on each task and on all together, and one budget is planned for everything."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from leantune.app.candidates import Field
from leantune.app.mixture import MixedStudy
from leantune.app.preflight import Ready, made_ready, measured, speeds_of
from leantune.app.progress import Doing, Planned, PlannedAll, Progress, Turn
from leantune.comparison.mixture_plan import Measured, MixturePlan, mixture_plan_of, more_time_for_all, plan_mixture
from leantune.comparison.plan import Plan
from leantune.core.budget import parse_budget
from leantune.core.files import read_kept, write_atomic
from leantune.execution.probe import ProbeResult
from leantune.execution.runner import Runner
from leantune.kinds.method import Parsed


@dataclass(frozen=True)
class AllReady:
    """Tasks that are ready, and the methods measured on all of them together."""

    mixed: MixedStudy
    alone: dict[str, Ready]
    field: Field
    """Of the mixture."""
    probes: dict[str, ProbeResult]

    @property
    def seeds(self) -> int:
        """Full-length trials per method."""
        return len(self.mixed.first.spec.seeds)


def all_made_ready(mixed: MixedStudy, parsed: Sequence[Parsed], runner: Runner) -> Generator[Progress, None, AllReady]:
    """Check each task and measure its methods, then the shared ones; `runner` is that of the mixture.

    Raises:
        SpecError: E-METHOD when no method is left for a task, or for the mixture.
    """
    alone = {}
    for name, study in mixed.studies.items():
        yield Turn(name, study)
        alone[name] = yield from made_ready(study, parsed, runner.of(study.run, study.conditions))
    field = mixed.field(parsed)
    yield Doing("measuring every method on all tasks together")
    probes = measured(field, runner)
    field.refuse_if_empty(mixed.first.base)
    return AllReady(mixed, alone, field, probes)


def all_planned(ready: AllReady) -> PlannedAll:
    """The plan of a mixture, kept in its run folder; steps and looks of an earlier one under the same budget stand."""
    path, options = ready.mixed.run / "plan.json", ready.mixed.options
    budget, seeds = parse_budget(options.budget_text), ready.seeds
    alone = {name: Measured(one.speeds, one.study.rows) for name, one in ready.alone.items()}
    together = Measured(speeds_of(ready.field, ready.probes), ready.mixed.rows)
    earlier = read_kept(path, MixturePlan)
    if earlier is not None and earlier.budget == budget.text and set(earlier.alone) == set(alone):
        each = {name: plan.steps for name, plan in earlier.alone.items()}
        found = _as_before(earlier, mixture_plan_of(earlier.steps, each, budget, alone, together, seeds))
    else:
        found = plan_mixture(budget, alone, together, seeds, strict=options.budget is not None)
    write_atomic(path, found.model_dump_json(indent=1))
    return _told(ready, found)


def _as_before(earlier: MixturePlan, again: MixturePlan) -> MixturePlan:
    """The earlier plan with the seconds of the methods at hand."""

    def renewed(old: Plan, new: Plan) -> Plan:
        return old.model_copy(update={"seconds": new.seconds})

    alone = {name: renewed(earlier.alone[name], plan) for name, plan in again.alone.items()}
    return earlier.model_copy(update={"alone": alone, "together": renewed(earlier.together, again.together)})


def _told(ready: AllReady, found: MixturePlan) -> PlannedAll:
    more = more_time_for_all(found, ready.mixed.rows, ready.seeds)
    alone = {name: Planned(one.field, one.probes, found.alone[name], more) for name, one in ready.alone.items()}
    return PlannedAll(alone, Planned(ready.field, ready.probes, found.together, more), found, more)
