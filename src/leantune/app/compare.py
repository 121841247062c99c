"""The comparison: check, plan, race the learning rates, run the seeds, compare, ship. A generator of progress.

    for progress in run_comparison(study, ["full", "lora", "head"]): ...

Search proposes and execution runs; they meet here. Finished trials of the run folder are kept, so an interrupted comparison
goes on, and one more method costs only that method.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product

from leantune.app.accounts import accounts_of
from leantune.app.candidates import Candidate, idle_options, lengthened
from leantune.app.expressions import read_methods
from leantune.app.options import REFERENCE
from leantune.app.preflight import Ready, made_ready, planned_in
from leantune.app.progress import Doing, Done, Heard, Planned, Progress, Said, Tried, Trying
from leantune.app.racing import first_trial, race
from leantune.app.ship import Ways, conclude
from leantune.app.structure import on_structure
from leantune.app.study import Study
from leantune.comparison.build import MAJORITY
from leantune.comparison.choice import deciding
from leantune.comparison.elimination import Candidate as Contender
from leantune.comparison.elimination import eliminate
from leantune.comparison.plan import OVERTIME, RATES
from leantune.comparison.race import RaceResult, first_rates
from leantune.comparison.store import damage, ordered, read_record
from leantune.core import catalogue
from leantune.core.budget import parse_budget
from leantune.core.errors import some
from leantune.core.events import Finished
from leantune.core.records import Ledger, TrialRecord
from leantune.core.study import Job
from leantune.evaluate.predictions import read_predictions
from leantune.execution.hands import Hands
from leantune.execution.lock import locked
from leantune.execution.runner import Runner
from leantune.kinds.baseline import Baseline


def run_comparison(
    study: Study,
    methods: Sequence[str] | None,
    *,
    command: str,
    dry_run: bool = False,
    verbose: bool = False,
    hands: Hands | None = None,
) -> Iterator[Progress]:
    """Run the whole comparison; the last progress is `Done` (`Planned` for a dry run).

    Args:
        study: what is shared.
        methods: expressions; the usual ones when None.
        command: how to run it again, for the report.
        dry_run: stop after the plan.
        verbose: measure what each speed-up saves.
        hands: a worker that was started early, or a cluster; a worker of its own where None.

    Raises:
        LeantuneError: for mistakes that can be known before training, and for a run folder in use.
    """
    parsed = read_methods(on_structure(study.default_methods if methods is None else methods, study.options.structure))
    with locked(study.run), Runner(study.run, study.conditions, hands, study.options.conduct) as runner:
        yield from map(Said, idle_options(study.options, parsed))
        ready = yield from made_ready(study, parsed, runner, named=methods is not None)
        ready = replace(ready, field=lengthened(ready.field, study.options))
        planned = planned_in(ready)
        if verbose:
            yield Doing("measuring what each speed-up saves")
            planned = replace(planned, accounts=accounts_of(planned, runner))
        yield planned
        if not dry_run:
            yield from carry_out(ready, planned, runner, command, parse_budget(study.options.budget_text).seconds)


def carry_out(ready: Ready, planned: Planned, runner: Runner, command: str, seconds: float | None) -> Iterator[Progress]:
    """Train and compare as planned; the last progress is `Done`.

    Args:
        ready: the study; the caller holds the lock of its folder.
        planned: what is to be run.
        runner: of the study.
        command: how to run it again, for the report.
        seconds: time for all of it; None where the budget is in steps.
    """
    return _Comparison(ready, planned, runner, command, seconds).run()


class _Comparison:
    """The state of one comparison on its way."""

    def __init__(self, ready: Ready, planned: Planned, runner: Runner, command: str, seconds: float | None) -> None:
        self.ready, self.runner, self.command, self.seconds = ready, runner, command, seconds
        self.study, self.field, self.plan, self.more_time = ready.study, ready.field, planned.plan, planned.more_time
        self.lines = [planned.slow] if planned.slow else []
        self.races: dict[str, list[RaceResult]] = {}
        self.rates: dict[str, float] = {}
        """The learning rate of each method's full-length trials."""
        self.dropped: dict[str, str] = {}
        self.took: dict[str, float] = {}
        """Seconds of the last full-length trial of each method in this process; of its training, where others ran beside it."""
        self.tried: list[TrialRecord] = []
        self.spent = 0.0
        self.kept = 0.0
        """Planned seconds of the trials that were there already."""
        self.finished = True

    def run(self) -> Iterator[Progress]:
        """Baselines, races, seeds, verdicts, artifact, report."""
        draws = self.study.spec.seeds if self.study.conditions.few_shot is not None else (1,)
        floors = [
            Job(name=name, expression=name, phase="baseline", recipe=None, seed=seed) for name, seed in product(self._floors(), draws)
        ]
        alone = [candidate for candidate in self.field.candidates if not candidate.mentors]  # the rates of others change no job of theirs
        self._ahead([*floors, *(self._short(one, rate) for one in alone if one.raced for rate in first_rates(one.planned_rates))])
        for job in floors:
            yield from self._try(job)
        for candidate in self.field.candidates:
            yield from self._race(candidate)
            if candidate in alone:
                self._ahead([self._final(candidate, self.study.spec.seeds[0])])
        yield from self._seeds()
        ledger = Ledger(
            budget=self.plan.budget,
            steps_per_trial=self.plan.steps,
            planned_seconds=self.plan.total_seconds,
            spent_seconds=self.spent,
            finished=self.finished,
            lines=self.lines,
            more_time=self.more_time,
        )
        ways = Ways(self.command, self.ready.report, ledger, self.field.left_out, self.dropped)
        yield Doing("choosing, and proving the artifact in fresh processes")
        notes: list[str] = []
        comparison = conclude(self.study, self._records(), ways, note=notes.append)
        for text in notes:
            yield Said(text)
        yield Done(comparison)

    def _floors(self) -> Iterator[str]:
        """Baselines that can answer, on this base; all of them learn from labelled rows."""
        if self.study.conditions.few_shot == 0:
            return
        for name in catalogue.names("baselines"):
            floor = catalogue.load("baselines", name)
            able = self.study.base.pooling != "stock" or not getattr(floor, "pooled", False)
            if able and self.study.context.task.gold in floor.golds and _stands_apart(floor, self.study):
                yield name

    def _records(self) -> list[TrialRecord]:
        """The trials that count, without full-length ones at a rate that was given up."""
        return ordered([record for record in self.tried if record.phase != "final" or _lr(record) == self.rates[record.name]])

    def _race(self, candidate: Candidate) -> Iterator[Progress]:
        majority = next((record.scores.dev for record in self.tried if record.name == MAJORITY), None)
        job = partial(self._short, self._taught(candidate))
        raced = yield from race(candidate, job, self._try, self._say, floor=majority or 0.0, on_dev=self._on_dev)
        self.races[candidate.name], self.rates[candidate.name] = raced.results, raced.lr

    def _short(self, candidate: Candidate, lr: float) -> Job:
        return candidate.job(lr, phase="race", seed=self.study.spec.seeds[0], steps=self.plan.race_steps, looks=self.plan.race_looks)

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
            if round_number:
                certain = self.study.spec.seeds[round_number:] if self.seconds is None else (seed,)
                self._ahead([self._final(candidate, one) for one in certain for candidate in running])
            for candidate in running:
                record = yield from self._try(self._final(candidate, seed)) if round_number else self._first(candidate)
                records[candidate.name].append(record)
            if round_number == 0 and self.study.chooses_on_dev and not self.study.spec.keep_all:
                yield from self._drop(records)

    def _first(self, candidate: Candidate) -> Generator[Progress, None, TrialRecord]:
        name, seed = candidate.name, self.study.spec.seeds[0]

        def job(lr: float) -> Job:
            return self._final(candidate, seed, lr)

        raced, lr = self.races[name], self.rates[name]
        record, self.rates[name] = yield from first_trial(candidate, raced, lr, job, self._try, self._say, on_dev=self._on_dev)
        return record

    def _final(self, candidate: Candidate, seed: int, lr: float | None = None) -> Job:
        first = seed == self.study.spec.seeds[0]
        rate = lr or self.rates[candidate.name]
        return self._taught(candidate).job(rate, phase="final", seed=seed, steps=self.plan.steps, looks=self._looks, measure=first)

    def _taught(self, candidate: Candidate) -> Candidate:
        """With its teachers as they are in the table, or would be."""
        return candidate.taught_by(self.rates, steps=self.plan.steps, looks=self._looks)

    @property
    def _looks(self) -> int:
        return self.plan.looks if self.study.chooses_on_dev else 1

    def _drop(self, records: dict[str, list[TrialRecord]]) -> Iterator[Progress]:
        """After one full-length seed: drop what cannot win any more, on dev only; the reference stays."""
        task = self.study.context.task
        contenders = []
        for name, (record, *_) in records.items():
            if record.status == "ok":
                found = read_predictions(self.study.run, record.digest, "dev")
                dev = task.tally(self.study.conditions.metric, found.gold, found.predicted, self.study.dataset.labels)
                kept = deciding(record.cost, self.study.spec.prefer)
                contenders.append(Contender(name, {record.seed: dev}, record.cost.train_seconds or 0.0, kept))
        reference = next((candidate.name for candidate in self.field.candidates if candidate.is_reference), REFERENCE)
        for name, sentence in eliminate(contenders, self.study.spec.margin, reference=reference).items():
            self.dropped[name] = sentence
            yield self._say(sentence)

    def _affordable(self, running: Sequence[Candidate], seed: int) -> bool:
        if self.seconds is None:
            return True
        missing = [candidate for candidate in running if self._known(self._final(candidate, seed)) is None]
        each = [self._per_seed(candidate.name) for candidate in missing]
        needed = max([sum(each) / self.runner.many, *each])
        return self.spent + needed <= OVERTIME * max(self.seconds, self.plan.total_seconds)

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

    def _ahead(self, jobs: Sequence[Job]) -> None:
        """Trials that will be needed, for hands that are free before they are."""
        self.runner.ahead([job for job in jobs if self._known(job) is None])

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
        if lost := damage(self.study.run, job.digest(self.study.conditions)):
            yield self._say(f"{job.name}, seed {job.seed}: {lost}")
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
            trained = record.cost.train_seconds or 0.0
            self.took[job.name] = max(seconds, trained) if self.runner.many > 1 else seconds  # begun ahead, it was hardly waited for
        yield Tried(job, record)
        return record

    def _say(self, text: str) -> Said:
        self.lines.append(text)
        return Said(text)


def _lr(record: TrialRecord) -> float | None:
    return record.recipe.lr if record.recipe else None


def _stands_apart(floor: Baseline, study: Study) -> bool:
    """Whether a floor says something of its own on these rows."""
    asked = getattr(floor, "stands_apart", None)
    return asked is None or bool(asked(study.dataset.splits))
