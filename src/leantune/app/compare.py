"""The comparison: check, plan, race the learning rates, run the seeds, compare, ship. A generator of progress.

    for progress in run_comparison(study, ["full", "lora", "head"]): ...

Search proposes and execution runs; they meet here. Finished trials of the run folder are kept, so an interrupted comparison
goes on, and one more method costs only that method.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack

from leantune.app.candidates import Candidate, Field, field_of, read_methods
from leantune.app.options import REFERENCE
from leantune.app.progress import Checked, Doing, Done, Heard, Planned, Progress, Said, Tried, Trying
from leantune.app.racing import first_trial, race
from leantune.app.ship import Ways, conclude
from leantune.app.study import Study
from leantune.comparison.build import MAJORITY
from leantune.comparison.elimination import Candidate as Contender
from leantune.comparison.elimination import eliminate
from leantune.comparison.plan import RATES, Plan, Rows, Speed, more_time, plan
from leantune.comparison.race import RaceResult
from leantune.comparison.store import ordered, read_record
from leantune.core import catalogue
from leantune.core.budget import Budget, parse_budget
from leantune.core.errors import some
from leantune.core.events import Finished
from leantune.core.files import read_kept, write_atomic
from leantune.core.records import CheckReport, Ledger, TrialRecord
from leantune.core.study import Job
from leantune.data.check import check
from leantune.evaluate.predictions import read_predictions
from leantune.execution.lock import locked
from leantune.execution.probe import ProbeResult
from leantune.execution.process import WorkerProcess
from leantune.execution.runner import Runner

OVERTIME = 1.15
"""A further seed is only begun when it is expected to end within this times the budget."""


def run_comparison(
    study: Study, methods: Sequence[str], *, command: str, dry_run: bool = False, worker: WorkerProcess | None = None
) -> Iterator[Progress]:
    """Run the whole comparison; the last progress is `Done` (`Planned` for a dry run).

    Args:
        study: what is shared.
        methods: expressions.
        command: how to run it again, for the report.
        dry_run: stop after the plan.
        worker: one that was started early.

    Raises:
        LeantuneError: for mistakes that can be known before training, and for a run folder in use.
    """
    parsed = read_methods(methods)
    with ExitStack() as stack:
        stack.enter_context(locked(study.run))
        runner = stack.enter_context(Runner(study.run, study.conditions, worker))
        report = _check(study)
        yield Checked(report)
        field = field_of(parsed, study.base, study.context.head, study.conditions.task, study.options, setting=study.setting)
        comparison = _Comparison(study, field, runner, report, command)
        yield Doing("measuring speed and memory of every method")
        yield comparison.planned()
        if not dry_run:
            yield from comparison.run()


def _check(study: Study) -> CheckReport:
    """The data check, kept in the run folder; the same data are not checked twice."""
    path = study.run / f"check-{study.dataset.whole_digest}-{study.conditions.max_length}.json"
    if (kept := read_kept(path, CheckReport)) is not None:
        return kept
    report = check(study.dataset, tokenizer=study.base.count_tokens, max_length=study.conditions.max_length)
    write_atomic(path, report.model_dump_json(indent=1))
    return report


class _Comparison:
    """The state of one comparison on its way."""

    def __init__(self, study: Study, field: Field, runner: Runner, check: CheckReport, command: str) -> None:
        self.study, self.field, self.runner, self.check, self.command = study, field, runner, check, command
        sizes = study.dataset.manifest.sizes
        tests = sum(sizes[split] for split in study.dataset.tests.values())
        self.rows = Rows(sizes["train"], sizes["dev"], tests, study.options.batch)
        self.budget = parse_budget(study.options.budget_text)
        self.lines: list[str] = []
        self.races: dict[str, list[RaceResult]] = {}
        self.rates: dict[str, float] = {}
        """The learning rate of each method's full-length trials."""
        self.dropped: dict[str, str] = {}
        self.took: dict[str, float] = {}
        """Seconds of the last full-length trial of each method in this process."""
        self.tried: list[TrialRecord] = []
        self.spent = 0.0
        self.kept = 0.0
        """Planned seconds of the trials that were there already."""
        self.finished = True

    def planned(self) -> Planned:
        """Probe every method and plan the steps; a plan made earlier in this folder under the same budget stands."""
        probes = {candidate.name: self._probe(candidate) for candidate in self.field.candidates}
        for name, found in probes.items():
            if found.problem:
                self.field.left_out[name] = found.problem
        self.field.candidates[:] = [candidate for candidate in self.field.candidates if not probes[candidate.name].problem]
        self.field.refuse_if_empty(self.study.base)
        speeds = [_speed(candidate, probes[candidate.name]) for candidate in self.field.candidates]
        self.plan = self._plan(speeds)
        more = more_time(self.plan, self.rows, len(self.study.spec.seeds))
        self.more = more
        write_atomic(self.study.run / "plan.json", self.plan.model_dump_json(indent=1))
        return Planned(self.field, {name: found for name, found in probes.items() if not found.problem}, self.plan, more)

    def run(self) -> Iterator[Progress]:
        """Baselines, races, seeds, verdicts, artifact, report."""
        for name in catalogue.names("baselines"):
            if self.study.context.task.gold not in catalogue.load("baselines", name).golds:
                continue
            yield from self._try(Job(name=name, expression=name, phase="baseline", recipe=None, seed=1))
        for candidate in self.field.candidates:
            yield from self._race(candidate)
        yield from self._seeds()
        ledger = Ledger(
            budget=self.study.options.budget_text,
            steps_per_trial=self.plan.steps,
            planned_seconds=self.plan.total_seconds,
            spent_seconds=self.spent,
            finished=self.finished,
            lines=self.lines,
            more_time=self.more,
        )
        ways = Ways(self.command, self.check, ledger, self.field.left_out, self.dropped)
        yield Doing("choosing, and proving the artifact in fresh processes")
        notes: list[str] = []
        comparison = conclude(self.study, self._records(), ways, note=notes.append)
        for text in notes:
            yield Said(text)
        yield Done(comparison)

    def _records(self) -> list[TrialRecord]:
        """The trials that count, without full-length ones at a rate that was given up."""
        return ordered([record for record in self.tried if record.phase != "final" or _lr(record) == self.rates[record.name]])

    def _plan(self, speeds: list[Speed]) -> Plan:
        """Steps and looks of an earlier plan stand, so that its trials are kept; the seconds are those of the methods at hand."""
        seeds, earlier = len(self.study.spec.seeds), self._earlier()
        if earlier is None:
            return plan(self.budget, speeds, self.rows, seeds, strict=self.study.options.budget is not None)
        again = plan(Budget(self.budget.text, steps=earlier.steps), speeds, self.rows, seeds, strict=False)
        return earlier.model_copy(update={"seconds": again.seconds})

    def _earlier(self) -> Plan | None:
        found = read_kept(self.study.run / "plan.json", Plan)
        return found if found is not None and found.budget == self.study.options.budget_text else None

    def _probe(self, candidate: Candidate) -> ProbeResult:
        """Measured once per run folder."""
        job = candidate.job(candidate.planned_rates[0], phase="race", seed=1, steps=10, looks=1)
        path = self.study.run / "probes" / f"{job.digest(self.study.conditions)}.json"
        if (kept := read_kept(path, ProbeResult)) is not None:
            return kept
        found = self.runner.probe(job)
        if not found.problem:
            write_atomic(path, found.model_dump_json(indent=1))
        return found

    def _race(self, candidate: Candidate) -> Iterator[Progress]:
        majority = next((record.scores.dev for record in self.tried if record.name == MAJORITY), None)

        def job(lr: float) -> Job:
            return candidate.job(lr, phase="race", seed=self.study.spec.seeds[0], steps=self.plan.race_steps, looks=self.plan.race_looks)

        raced = yield from race(candidate, job, self._try, self._say, floor=majority or 0.0, on_dev=self._on_dev)
        self.races[candidate.name], self.rates[candidate.name] = raced.results, raced.lr

    def _seeds(self) -> Iterator[Progress]:
        """Full-length trials, one seed of every method at a time, so that time running out hits all alike."""
        records: dict[str, list[TrialRecord]] = {candidate.name: [] for candidate in self.field.candidates}
        for round_number, seed in enumerate(self.study.spec.seeds):
            crashed = [name for name, found in records.items() if found and found[0].status == "failed"]
            running = [candidate for candidate in self.field.candidates if candidate.name not in {*self.dropped, *crashed}]
            if round_number and not self._affordable(running, seed):
                if self.finished:
                    seeds = len(self.study.spec.seeds)
                    yield self._say(f"Time is up before seed {seed}: {seeds - round_number} of {seeds} seeds left out. Run again to go on.")
                self.finished = False
                running = [candidate for candidate in running if self._known(self._final(candidate, seed)) is not None]
            for candidate in running:
                record = yield from self._try(self._final(candidate, seed)) if round_number else self._first(candidate)
                records[candidate.name].append(record)
            if round_number == 0 and not self.study.spec.keep_all:
                yield from self._drop(records)

    def _first(self, candidate: Candidate) -> Generator[Progress, None, TrialRecord]:
        name, seed = candidate.name, self.study.spec.seeds[0]

        def job(lr: float) -> Job:
            return self._final(candidate, seed, lr)

        raced, lr = self.races[name], self.rates[name]
        record, self.rates[name] = yield from first_trial(name, raced, lr, job, self._try, self._say, on_dev=self._on_dev)
        return record

    def _final(self, candidate: Candidate, seed: int, lr: float | None = None) -> Job:
        first = seed == self.study.spec.seeds[0]
        rate = lr or self.rates[candidate.name]
        return candidate.job(rate, phase="final", seed=seed, steps=self.plan.steps, looks=self.plan.looks, measure=first)

    def _drop(self, records: dict[str, list[TrialRecord]]) -> Iterator[Progress]:
        """After one full-length seed: drop what cannot win any more, on dev only; the reference stays."""
        task = self.study.context.task
        contenders = []
        for name, (record, *_) in records.items():
            if record.status == "ok":
                found = read_predictions(self.study.run, record.digest, "dev")
                dev = task.tally(self.study.conditions.metric, found.gold, found.predicted, self.study.dataset.labels)
                contenders.append(Contender(name, {record.seed: dev}, record.cost.train_seconds or 0.0))
        reference = next((candidate.name for candidate in self.field.candidates if candidate.is_reference), REFERENCE)
        for name, sentence in eliminate(contenders, self.study.spec.margin, reference=reference).items():
            self.dropped[name] = sentence
            yield self._say(sentence)

    def _affordable(self, running: Sequence[Candidate], seed: int) -> bool:
        if self.budget.seconds is None:
            return True
        missing = [candidate for candidate in running if self._known(self._final(candidate, seed)) is None]
        needed = sum(self._per_seed(candidate.name) for candidate in missing)
        return self.spent + needed <= OVERTIME * max(self.budget.seconds, self.plan.total_seconds)

    @property
    def _on_dev(self) -> str:
        """How the numbers of races are called: texts are judged by their likelihood there, which is not the study's metric."""
        judged_by = self.study.context.judged_by
        return "on dev" if judged_by == self.study.conditions.metric else f"{judged_by} on dev"

    def _seconds_of(self, job: Job) -> float:
        """As planned: the seeds and one round of races share a method's time."""
        if job.phase == "baseline":
            return 0.0
        return self.plan.seconds[job.name] / (len(self.study.spec.seeds) + 1) / (RATES if job.phase == "race" else 1)

    def _per_seed(self, name: str) -> float:
        """Measured on the first seed where this process ran it, else as planned."""
        return self.took.get(name, self.plan.seconds[name] / (len(self.study.spec.seeds) + 1))

    def _known(self, job: Job) -> TrialRecord | None:
        """The record of a finished trial; a crashed one is run again, and so is a floor that has not seen every test set."""
        record = read_record(self.study.run, job.digest(self.study.conditions))
        if record is None or record.status == "failed" or (record.phase == "baseline" and self._unseen(record)):
            return None
        return record

    def _unseen(self, record: TrialRecord) -> list[str]:
        """Further test sets that a finished full-length trial was not scored on: they came later."""
        tested = record.status == "ok" and record.scores.test is not None
        return record.scores.lacks(self.study.dataset.manifest.further) if tested else []

    def _try(self, job: Job) -> Generator[Progress, None, TrialRecord]:
        """Run one trial unless its record is there; gives the record back."""
        known = self._known(job)
        if known is not None:
            self.kept += self._seconds_of(job)
        yield Trying(job, known=known is not None, seconds_left=max(0.0, self.plan.total_seconds - self.spent - self.kept))
        start = time.perf_counter()
        if known is not None:
            if later := self._unseen(known):
                known = self.runner.extend(job)
                self.spent += time.perf_counter() - start
                yield self._say(f"{job.name}, seed {job.seed}: the trained model was kept and scored on {some(later)} too")
            self.tried.append(known)
            yield Tried(job, known)
            return known
        record: TrialRecord | None = None
        for event in self.runner.run(job):
            if isinstance(event, Finished):
                record = event.record
            yield Heard(job, event)
        assert record is not None
        self.tried.append(record)
        seconds = time.perf_counter() - start
        self.spent += seconds
        if job.phase == "final":
            self.took[job.name] = seconds
        yield Tried(job, record)
        return record

    def _say(self, text: str) -> Said:
        self.lines.append(text)
        return Said(text)


def _lr(record: TrialRecord) -> float | None:
    return record.recipe.lr if record.recipe else None


def _speed(candidate: Candidate, found: ProbeResult) -> Speed:
    return Speed(
        candidate.name,
        found.setup_seconds,
        found.train_row_seconds,
        found.predict_row_seconds,
        once_seconds=found.once_seconds,
        raced=candidate.raced,
    )
