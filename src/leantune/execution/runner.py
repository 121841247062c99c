"""The runner: has jobs carried out and yields their events; a dead process becomes a failed record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from leantune.core.errors import ArtifactError
from leantune.core.events import Event, Finished, parse_event
from leantune.core.records import TrialRecord
from leantune.core.study import Blend, Conditions, Conduct, Job
from leantune.core.trial_folder import write_record
from leantune.execution.hands import Hands, Request
from leantune.execution.probe import ProbeResult
from leantune.execution.process import WorkerProcess, ending
from leantune.execution.savings import Account


class Runner:
    """A context manager around the hands that work for a study.

    with Runner(run_folder, conditions) as runner:
        for event in runner.run(job): ...
    """

    def __init__(self, run: Path, conditions: Conditions | Blend, hands: Hands | None = None, conduct: Conduct | None = None) -> None:
        """Of a run folder.

        Args:
            run: the folder.
            conditions: of the study.
            hands: a worker that was started early, or a cluster; the runner takes it over and ends it. A worker of its own where None.
            conduct: of all its trials.
        """
        self.run_folder, self.conditions, self.conduct = run, conditions, conduct or Conduct()
        self._hands: Hands = hands or WorkerProcess()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hands.close()

    @property
    def many(self) -> int:
        """Jobs that are done at a time."""
        return self._hands.many

    def of(self, run: Path, conditions: Conditions | Blend) -> Runner:
        """The same hands for another study; this runner ends them."""
        return Runner(run, conditions, self._hands, self.conduct)

    def probe(self, job: Job) -> ProbeResult:
        """Measure a method for a moment; a crash is a problem, not an exception."""
        request = self._probing(job)
        result = ProbeResult(name=job.name, problem=f"the probe crashed, see {request['log']}")
        for message in self._hands.ask(request):
            if message["kind"] == "measured":
                result = ProbeResult.model_validate(message["result"])
            elif message["code"] < 0:
                result = ProbeResult(name=job.name, problem=ending(message["code"]))
        return result

    def account(self, job: Job) -> Account | None:
        """What each speed-up saves in a step of a method; None where that could not be measured."""
        found = None
        for message in self._hands.ask(self._request("account", job, self.run_folder / "account.log")):
            if message["kind"] == "measured":
                found = Account.model_validate(message["result"])
        return found

    def run(self, job: Job) -> Iterator[Event]:
        """Run a trial or a baseline to its record; the last event is always `Finished`."""
        folder = self.run_folder / "trials" / job.digest(self.conditions)
        folder.parent.mkdir(parents=True, exist_ok=True)
        log, finished = self._log(job), False
        for message in self._hands.ask(self._request(self._kind(job), job, log)):
            if message["kind"] != "exit":
                event = parse_event(json.dumps(message))
                finished = finished or isinstance(event, Finished)
                yield event
            elif not finished:
                yield self._failed(job, folder, log, message["code"])
        if log.exists() and log.stat().st_size == 0:
            log.unlink()

    def _kind(self, job: Job) -> str:
        return "mixture" if isinstance(self.conditions, Blend) else "baseline" if job.phase == "baseline" else "trial"

    def extend(self, job: Job) -> TrialRecord:
        """Score a finished trial on the further test sets that it has not seen.

        Raises:
            ArtifactError: E-RUN when that fails; the trial stays what it was.
        """
        folder = self.run_folder / "trials" / job.digest(self.conditions)
        log = self._log(job)
        for message in self._hands.ask(self._request("further", job, log)):
            if message["kind"] == "finished":
                record = TrialRecord.model_validate(message["record"])
            elif message["code"]:
                reason = self._why(log, message["code"])
                text = f"{folder}: the trial ({job.name}, seed {job.seed}) cannot be scored on a further test set: {reason}."
                raise ArtifactError(f"{text} Leave the test set out, or delete the folder to train it again.", "E-RUN")
        return record

    def _why(self, log: Path, code: int) -> str:
        return ending(code) if code < 0 else f"it crashed: {_last_line(log)}. The whole message is in {log}"

    def _failed(self, job: Job, folder: Path, log: Path, code: int) -> Finished:
        record = TrialRecord(
            digest=folder.name,
            name=job.name,
            method=job.expression,
            phase=job.phase,
            recipe=job.recipe,
            seed=job.seed,
            status="failed",
            reason=self._why(log, code),
        )
        return Finished(record=write_record(folder, record))

    def ahead(self, jobs: Sequence[Job], *, probes: bool = False) -> None:
        """Trials (or probes) that are going to be run, whatever the others give; a cluster begins them where it has room."""
        self._hands.ahead([self._probing(job) if probes else self._request(self._kind(job), job, self._log(job)) for job in jobs])

    def _probing(self, job: Job) -> Request:
        kind = "probe-mixture" if isinstance(self.conditions, Blend) else "probe"
        return self._request(kind, job, self.run_folder / "probe.log")

    def _log(self, job: Job) -> Path:
        return self.run_folder / "trials" / f"{job.digest(self.conditions)}.log"

    def _request(self, kind: str, job: Job, log: Path) -> Request:
        request: Request = {"kind": kind, "run": str(self.run_folder), "log": str(log)}
        job = job.model_copy(update={"conduct": self.conduct})
        return request | {"conditions": self.conditions.model_dump(mode="json"), "job": job.model_dump(mode="json")}


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()] if log.exists() else []
    return lines[-1].strip() if lines else "no message"
