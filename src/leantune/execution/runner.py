"""The runner: starts the worker, sends it jobs and yields their events; a dead child becomes a failed record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leantune.core.events import Event, Finished, parse_event
from leantune.core.files import write_atomic
from leantune.core.records import TrialRecord
from leantune.core.study import Conditions, Job
from leantune.execution.probe import ProbeResult


class Runner:
    """A context manager around one worker process.

    with Runner(run_folder, conditions) as runner:
        for event in runner.run(job): ...
    """

    def __init__(self, run: Path, conditions: Conditions) -> None:
        self.run_folder, self.conditions = run, conditions
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the worker and whatever it is doing."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()
        self._process = None

    def probe(self, job: Job) -> ProbeResult:
        """Measure a method for a moment; a crash is a problem, not an exception."""
        log = self.run_folder / "probe.log"
        result = ProbeResult(name=job.name, problem=f"the probe crashed, see {log}")
        for message in self._request("probe", job, log):
            if message["kind"] == "probed":
                result = ProbeResult.model_validate(message["result"])
            elif message["code"] < 0:
                result = ProbeResult(name=job.name, problem=_signal_sentence(message["code"]))
        return result

    def run(self, job: Job) -> Iterator[Event]:
        """Run a trial or a baseline to its record; the last event is always `Finished`."""
        folder = self.run_folder / "trials" / job.digest(self.conditions)
        folder.parent.mkdir(parents=True, exist_ok=True)
        log, finished = folder.parent / f"{folder.name}.log", False
        for message in self._request("baseline" if job.phase == "baseline" else "trial", job, log):
            if message["kind"] != "exit":
                event = parse_event(json.dumps(message))
                finished = finished or isinstance(event, Finished)
                yield event
            elif not finished:
                yield self._failed(job, folder, log, message["code"])
        if log.exists() and log.stat().st_size == 0:
            log.unlink()

    def _failed(self, job: Job, folder: Path, log: Path, code: int) -> Finished:
        reason = _signal_sentence(code) if code < 0 else f"it crashed: {_last_line(log)}. The whole message is in {log}"
        record = TrialRecord(
            digest=folder.name, name=job.name, phase=job.phase, recipe=job.recipe, seed=job.seed, status="failed", reason=reason
        )
        write_atomic(folder / "record.json", record.model_dump_json(indent=1))
        return Finished(record=record)

    def _request(self, kind: str, job: Job, log: Path) -> Iterator[dict[str, Any]]:
        """Send one job; its messages up to and including the exit of its process."""
        process = self._started()
        request: dict[str, Any] = {"kind": kind, "run": str(self.run_folder), "log": str(log)}
        request |= {"conditions": self.conditions.model_dump(mode="json"), "job": job.model_dump(mode="json")}
        assert process.stdin is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        for message in self._messages(process):
            yield message
            if message["kind"] == "exit":
                return
        self._process = None
        yield {"kind": "exit", "code": process.wait() or 1}

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, "-m", "leantune.execution.worker"]
            environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True, encoding="utf-8"
            )
        return self._process

    def start(self) -> None:
        """Start the worker now, so that it loads its libraries while the caller does something else."""
        self._started()

    def _messages(self, process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)


def _signal_sentence(code: int) -> str:
    name = signal.Signals(-code).name
    hint = " (usually the system ran out of memory: try a smaller --batch or --max-length)" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()] if log.exists() else []
    return lines[-1].strip() if lines else "no message"
