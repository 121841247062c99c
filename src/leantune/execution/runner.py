"""The runner: starts the worker, sends it jobs and yields their events; a dead child becomes a failed record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leantune.core.errors import ArtifactError
from leantune.core.events import Event, Finished, parse_event
from leantune.core.records import TrialRecord
from leantune.core.study import Blend, Conditions, Conduct, Job
from leantune.core.trial_folder import write_record
from leantune.execution.probe import ProbeResult
from leantune.execution.process import WorkerProcess, ending
from leantune.execution.savings import Account


class Runner:
    """A context manager around one worker.

    with Runner(run_folder, conditions) as runner:
        for event in runner.run(job): ...
    """

    def __init__(
        self, run: Path, conditions: Conditions | Blend, worker: WorkerProcess | None = None, conduct: Conduct | None = None
    ) -> None:
        """Of a run folder.

        Args:
            run: the folder.
            conditions: of the study.
            worker: one that was started early; the runner takes it over and ends it.
            conduct: of all its trials.
        """
        self.run_folder, self.conditions, self.conduct = run, conditions, conduct or Conduct()
        self._worker = worker or WorkerProcess()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._worker.close()

    def of(self, run: Path, conditions: Conditions | Blend) -> Runner:
        """The same worker for another study; this runner ends it."""
        return Runner(run, conditions, self._worker, self.conduct)

    def probe(self, job: Job) -> ProbeResult:
        """Measure a method for a moment; a crash is a problem, not an exception."""
        log = self.run_folder / "probe.log"
        result = ProbeResult(name=job.name, problem=f"the probe crashed, see {log}")
        for message in self._request("probe-mixture" if isinstance(self.conditions, Blend) else "probe", job, log):
            if message["kind"] == "measured":
                result = ProbeResult.model_validate(message["result"])
            elif message["code"] < 0:
                result = ProbeResult(name=job.name, problem=ending(message["code"]))
        return result

    def account(self, job: Job) -> Account | None:
        """What each speed-up saves in a step of a method; None where that could not be measured."""
        found = None
        for message in self._request("account", job, self.run_folder / "account.log"):
            if message["kind"] == "measured":
                found = Account.model_validate(message["result"])
        return found

    def run(self, job: Job) -> Iterator[Event]:
        """Run a trial or a baseline to its record; the last event is always `Finished`."""
        folder = self.run_folder / "trials" / job.digest(self.conditions)
        folder.parent.mkdir(parents=True, exist_ok=True)
        log, finished = folder.parent / f"{folder.name}.log", False
        for message in self._request(self._kind(job), job, log):
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
        log = folder.parent / f"{folder.name}.log"
        for message in self._request("further", job, log):
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

    def _request(self, kind: str, job: Job, log: Path) -> Iterator[dict[str, Any]]:
        """Send one job; its messages up to and including the exit of its process."""
        self._worker.revive()
        process, job = self._worker.process, job.model_copy(update={"conduct": self.conduct})
        request: dict[str, Any] = {"kind": kind, "run": str(self.run_folder), "log": str(log)}
        request |= {"conditions": self.conditions.model_dump(mode="json"), "job": job.model_dump(mode="json")}
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            message = json.loads(line) if line.startswith("{") else None
            if message is not None:
                yield message
                if message["kind"] == "exit":
                    return
        yield {"kind": "exit", "code": process.wait() or 1}


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()] if log.exists() else []
    return lines[-1].strip() if lines else "no message"
