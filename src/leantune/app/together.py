"""All tasks of a mixture together: the trials of every method, races first, one seed of every method at a time."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from functools import partial

from leantune.app.candidates import Candidate
from leantune.app.mixture import MixedStudy, for_all
from leantune.app.progress import Heard, Planned, Progress, Said, Tried, Trying
from leantune.app.racing import first_trial, race
from leantune.comparison.plan import OVERTIME
from leantune.comparison.store import damage, read_record
from leantune.core.events import Finished
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.execution.runner import Runner

ON_DEV = "mean on dev"


class Together:
    """The state of the trials of a mixture on their way; afterwards `finals` are those of full length."""

    def __init__(self, mixed: MixedStudy, planned: Planned, runner: Runner, seconds: float | None) -> None:
        """`seconds`: time for all trials; None where the budget is in steps."""
        self.mixed, self.plan, self.candidates, self.runner = mixed, planned.plan, planned.field.candidates, runner
        self.seeds = mixed.first.spec.seeds
        self.limit = None if seconds is None else OVERTIME * max(seconds, self.plan.total_seconds)
        self.left, self.spent = self.plan.total_seconds, 0.0
        self.took: dict[str, float] = {}
        """Seconds of the last full-length trial of each method in this process."""
        self.lines: list[str] = []
        self.finals: list[TrialRecord] = []
        self.finished = True

    def run(self) -> Iterator[Progress]:
        """Races, then the seeds."""
        rates = {}
        for candidate in self.candidates:
            raced = yield from race(candidate, partial(self._short, candidate), self._try, self._say, floor=0.0, on_dev=ON_DEV)
            rates[candidate.name] = raced
        running = dict[str, tuple[Candidate, float]]()
        for candidate in self.candidates:
            raced, job = rates[candidate.name], partial(self._long, candidate, self.seeds[0])
            record, lr = yield from first_trial(candidate, raced.results, raced.lr, job, self._try, self._say, on_dev=ON_DEV)
            self.finals.append(record)
            if record.status != "failed":
                running[candidate.name] = (candidate, lr)
        yield from self._further(running)

    def _further(self, running: dict[str, tuple[Candidate, float]]) -> Iterator[Progress]:
        """The other seeds, one of every method at a time, while there is time; what is there already is taken in any case."""
        for number, seed in enumerate(self.seeds[1:], 1):
            jobs = [self._long(candidate, seed, lr) for candidate, lr in running.values()]
            if not self._affordable(jobs):
                if self.finished:
                    left_out = len(self.seeds) - number
                    yield self._say(f"Time is up before seed {seed}: {left_out} of {len(self.seeds)} seeds left out. Run again to go on.")
                self.finished = False
                jobs = [job for job in jobs if self._known(job) is not None]
            for job in jobs:
                self.finals.append((yield from self._try(job)))

    def _affordable(self, jobs: list[Job]) -> bool:
        if self.limit is None:
            return True
        missing = [job.name for job in jobs if self._known(job) is None]
        needed = sum(self.took.get(name, self.plan.seconds[name] / (len(self.seeds) + 1)) for name in missing)
        return self.spent + needed <= self.limit

    def _short(self, candidate: Candidate, lr: float) -> Job:
        plan = self.plan
        return for_all(candidate.job(lr, phase="race", seed=self.seeds[0], steps=plan.race_steps, looks=plan.race_looks))

    def _long(self, candidate: Candidate, seed: int, lr: float) -> Job:
        measure = seed == self.seeds[0]
        return for_all(candidate.job(lr, phase="final", seed=seed, steps=self.plan.steps, looks=self.plan.looks, measure=measure))

    def _known(self, job: Job) -> TrialRecord | None:
        """The record of a finished trial, where every task has what the trial left for it."""
        digest = job.digest(self.mixed.blend)
        record = read_record(self.mixed.run, digest)
        if record is None or record.status == "failed":
            return None
        whole = job.phase == "race" or all(read_record(study.run, digest) for study in self.mixed.studies.values())
        return record if whole else None

    def _try(self, job: Job) -> Generator[Progress, None, TrialRecord]:
        """Run one trial unless its record is there; gives the record back."""
        record = self._known(job)
        yield Trying(job, known=record is not None, seconds_left=max(0.0, self.left))
        start = time.perf_counter()
        if record is None:
            for run in (self.mixed.run, *(study.run for study in self.mixed.studies.values())):
                if lost := damage(run, job.digest(self.mixed.blend)):
                    yield self._say(f"{job.name}, seed {job.seed}: {lost}")
            for event in self.runner.run(job):
                if isinstance(event, Finished):
                    record = event.record
                yield Heard(job, event)
            self._spend(job, time.perf_counter() - start)
        assert record is not None
        self.left -= record.cost.train_seconds or 0.0
        yield Tried(job, record)
        return record

    def _spend(self, job: Job, seconds: float) -> None:
        self.spent += seconds
        if job.phase == "final":
            self.took[job.name] = seconds

    def _say(self, text: str) -> Said:
        self.lines.append(text)
        return Said(text)
