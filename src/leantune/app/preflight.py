"""Preflight: the data are checked, every method is measured, and the steps are planned; nothing is trained.

What was checked and measured is kept in the run folder, and a plan made there under the same budget stands, so that its trials do.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leantune.app.candidates import Candidate, Field, field_in
from leantune.app.progress import Checked, Doing, Planned, Progress
from leantune.app.study import Study
from leantune.comparison.plan import Plan, Speed, more_time, plan, plan_of
from leantune.core.budget import Budget, parse_budget
from leantune.core.digest import digest
from leantune.core.files import kept_or, read_kept, write_atomic
from leantune.core.recipe import Teaching
from leantune.core.records import CheckReport
from leantune.core.study import Job
from leantune.data.check import check
from leantune.execution.probe import ProbeResult
from leantune.execution.runner import Runner
from leantune.kinds.method import Parsed

PER_MILLE = 1_000
"""Steps of a training that what compressors add is asked for."""


@dataclass(frozen=True)
class Ready:
    """A study with its data checked and its methods measured."""

    study: Study
    report: CheckReport
    field: Field
    probes: dict[str, ProbeResult]
    """Of the methods that can work here."""

    @property
    def speeds(self) -> list[Speed]:
        """Of the methods."""
        return speeds_of(self.field, self.probes)


def made_ready(study: Study, parsed: Sequence[Parsed], runner: Runner, *, named: bool = True) -> Generator[Progress, None, Ready]:
    """Check the data, leave out the methods that cannot work here, and measure the others.

    Args:
        study: what is shared.
        parsed: the methods.
        runner: of the study.
        named: whether the user named the methods.

    Raises:
        SpecError: E-METHOD when no method is left.
    """
    report = checked(study)
    yield Checked(report)
    field = field_in(study, parsed, named=named)
    yield Doing("measuring speed and memory of every method")
    probes = measured(field, runner)
    field.refuse_if_empty(study.base)
    return Ready(study, report, field, probes)


def checked(study: Study) -> CheckReport:
    """The data check, kept in the run folder; the same data are not checked twice."""
    read = digest(study.conditions.max_length, study.conditions.target_length, study.conditions.long, length=8)
    path = study.run / f"check-{study.dataset.whole_digest}-{read}.json"
    return kept_or(path, CheckReport, lambda: check(study.dataset, study.ruler))


def measured(field: Field, runner: Runner) -> dict[str, ProbeResult]:
    """What each method costs; those that turn out not to run move to the field's `left_out`."""
    unknown = [candidate for candidate in field.candidates if not _kept_probe(candidate, runner).exists()]
    runner.ahead([_probe_job(candidate) for candidate in unknown], probes=True)
    found = {candidate.name: probed(candidate, runner) for candidate in field.candidates}
    for student in field.candidates:
        for mentor in student.mentors:
            found.setdefault(mentor.name, probed(mentor, runner))
            if reason := found[mentor.name].problem:
                found[student.name] = ProbeResult(name=student.name, problem=f"its teacher {mentor.name}: {reason}")
    field.left_out.update({candidate.name: reason for candidate in field.candidates if (reason := found[candidate.name].problem)})
    field.candidates[:] = [candidate for candidate in field.candidates if not found[candidate.name].problem]
    return {name: one for name, one in found.items() if not one.problem}


def probed(candidate: Candidate, runner: Runner) -> ProbeResult:
    """What a method costs, its teachers left out; measured once per run folder."""
    path = _kept_probe(candidate, runner)
    return kept_or(path, ProbeResult, lambda: runner.probe(_probe_job(candidate)), keeps=lambda found: not found.problem)


def _kept_probe(candidate: Candidate, runner: Runner) -> Path:
    return runner.run_folder / "probes" / f"{_probe_job(candidate).digest(runner.conditions)}.json"


def _probe_job(candidate: Candidate) -> Job:
    return candidate.job(candidate.planned_rates[0], phase="race", seed=1, steps=10, looks=1)


def speeds_of(field: Field, probes: dict[str, ProbeResult]) -> list[Speed]:
    """What a plan needs to know of the methods; the views of a teacher that several have are counted with the first."""
    named = {candidate.name for candidate in field.candidates}
    found, taught = [], list[Teaching]()
    for candidate in field.candidates:
        speed = _speed(candidate, probes, named)
        if candidate.teaching in taught:
            speed = replace(speed, seed_seconds=0.0)
        elif candidate.teaching is not None:
            taught.append(candidate.teaching)
        found.append(speed)
    return found


def _speed(candidate: Candidate, probes: dict[str, ProbeResult], named: set[str]) -> Speed:
    """A teacher that is not in the table itself is trained for its student."""
    found = probes[candidate.name]
    taught = sum(probes[one.name].train_row_seconds * one.longer for one in candidate.mentors if one.name not in named)
    own = found.train_row_seconds * candidate.longer
    return Speed(
        candidate.name,
        found.setup_seconds,
        found.train_row_seconds * candidate.longer,
        found.predict_row_seconds,
        once_seconds=found.once_seconds,
        seed_seconds=found.seed_seconds,
        more_rows=0 if candidate.teaching is None else candidate.teaching.rows,
        raced=candidate.raced,
        further=sum(link.further_steps(PER_MILLE) for _, link in candidate.parsed.compressors) / PER_MILLE + (taught / own if own else 0.0),
    )


def planned_in(ready: Ready) -> Planned:
    """The plan of one study, kept in the run folder.

    Steps and looks of an earlier one under the same budget stand, so that its trials are kept; the seconds are those of the
    methods at hand.
    """
    study, path = ready.study, ready.study.run / "plan.json"
    budget, seeds = parse_budget(study.options.budget_text), len(study.spec.seeds)
    earlier = read_kept(path, Plan)
    if earlier is not None and earlier.budget == budget.text:
        again = plan_of(earlier.steps, Budget(budget.text), ready.speeds, study.rows, seeds)
        found = earlier.model_copy(update={"seconds": again.seconds})
    else:
        found = plan(budget, ready.speeds, study.rows, seeds, strict=study.options.budget is not None)
    write_atomic(path, found.model_dump_json(indent=1))
    return Planned(ready.field, ready.probes, found, more_time(found, study.rows, seeds))
