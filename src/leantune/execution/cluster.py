"""A cluster as hands: trials on the machines of ray, each in a worker of its own, as on this one. The one door to ray.

    with Cluster.joined("ray") as cluster: ...              this machine's processors, one trial on each; "ray:2" two trials at a time
    Cluster.joined("ray://head.example:10001")              those of a cluster that runs

The prepared rows travel to every machine once, the folders of trials that a job builds on with it, and its own folder comes back: no shared
disk is needed, but leantune of the same version, and base models that are found there under the same name. What a killed machine had
begun is begun again on another one. A job has one thread for each processor that it gets, so the bits are those of a run
of this machine with as many threads.

Reference: Moritz et al. 2018, arXiv:1712.05889 (Ray).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import json
import logging
import os
import re
import tarfile
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leantune.core.errors import ArtifactError, SpecError
from leantune.core.parallel import Parallel
from leantune.execution.hands import Message, Request
from leantune.execution.process import WorkerProcess

_ADDRESS = re.compile(r"ray(:(?P<many>[1-9]\d{0,3})|(?P<far>://.+))?")
_PROCESSORS = 1
"""Of each trial."""
_DATA = "data"
_TRIALS = "trials"


@dataclass(frozen=True)
class _Outcome:
    """What a machine gives back."""

    messages: list[Message]
    folder: bytes
    """What the job wrote below the run folder, packed."""


class Hand:
    """On a machine of the cluster: keeps a worker, and a copy of each run folder that it has seen."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None
        self._root = Path(tempfile.mkdtemp(prefix="leantune-"))

    def version(self) -> str:
        """Of leantune there."""
        return importlib.metadata.version("leantune")

    def do(self, request: Request, names: Sequence[str], *packed: bytes) -> _Outcome:
        """Carry out a request.

        Args:
            request: with the run folder of the machine that asks.
            names: paths below it that the job reads.
            packed: what is there.
        """
        run = self._root / Path(request["run"]).name
        for name, found in zip(names, packed, strict=True):
            if not (run / name).exists():
                _unpack(found, run)
        log = run / _TRIALS / Path(request["log"]).name
        log.parent.mkdir(parents=True, exist_ok=True)
        self._worker = self._worker or WorkerProcess()
        messages = list(self._worker.ask(request | {"run": str(run), "log": str(log)}))
        return _Outcome(messages, _pack(run, [f"{_TRIALS}/{log.stem}", f"{_TRIALS}/{log.name}"]))


@dataclass(eq=False)
class _Task:
    """A request on its way."""

    request: Request
    reference: Any = None
    """Of ray; None while it waits."""
    hand: Any = None
    outcome: _Outcome | None = None


@dataclass
class Cluster:
    """Hands of several machines; a context manager."""

    ray: Any
    hands: list[Any]
    """Actors of ray, one for each trial at a time."""
    _tasks: dict[str, _Task] = field(default_factory=dict)
    _waiting: deque[_Task] = field(default_factory=deque)
    _running: list[_Task] = field(default_factory=list)
    _sent: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What was packed of a run folder."""

    @classmethod
    def joined(cls, address: str, parallel: Parallel | None = None) -> Cluster:
        """Connect.

        Args:
            address: `ray` for this machine or the cluster that RAY_ADDRESS names, `ray:N` for N trials at a time on this machine,
                `ray://HOST:PORT` for a cluster that runs.
            parallel: processes that shall train together; a trial of a cluster has one.

        Raises:
            SpecError: E-EXTRA without ray, E-OPTION for an address that is none, nobody at it, or another version of leantune there.
        """
        if not (asked := _ADDRESS.fullmatch(address)):
            raise SpecError(f'--on "{address}" names no cluster. Write ray, ray:N for N trials at a time, or ray://HOST:PORT.', "E-OPTION")
        if parallel is not None:
            raise SpecError("--on and --parallel do not go together: on a cluster each trial has one process.", "E-OPTION")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_worker_niceness", "0")  # trials of this machine are not slower than without a cluster
        try:
            ray: Any = importlib.import_module("ray")
        except ImportError:
            raise SpecError('--on needs the package `ray`: pip install "leantune[ray]".', "E-EXTRA") from None
        far, many = address if asked["far"] else None, int(asked["many"]) if asked["many"] else None
        here: dict[str, Any] = {} if far else {"include_dashboard": False} | ({"num_cpus": many, "address": "local"} if many else {})
        try:
            ray.init(**{"address": far, "log_to_driver": False, "logging_level": logging.ERROR} | here)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            said = (str(error).strip().splitlines() or [""])[0].rstrip(".")
            hint = " Give HOST and the client port of its head (10001); where it wants a token, set RAY_AUTH_MODE=token." if far else ""
            raise SpecError(f"--on {address}: no cluster answers there ({said}).{hint}", "E-OPTION") from None
        kind = ray.remote(num_cpus=_PROCESSORS, max_restarts=-1, max_task_retries=-1)(Hand)
        found = cls(ray, [kind.remote() for _ in range(max(1, int(ray.cluster_resources().get("CPU", 1)) // _PROCESSORS))])
        found._refuse_another_version(address)
        return found

    @property
    def many(self) -> int:
        """Trials at a time."""
        return len(self.hands)

    def _refuse_another_version(self, address: str) -> None:
        mine = importlib.metadata.version("leantune")
        if others := {version for version in self.ray.get([hand.version.remote() for hand in self.hands]) if version != mine}:
            self.close()
            raise SpecError(f"--on {address}: leantune {', '.join(sorted(others))} is there and {mine} here. Install the same.", "E-OPTION")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def ahead(self, requests: Sequence[Request]) -> None:
        """Begin them where a hand is free, the others as soon as one is."""
        for request in requests:
            if (key := _key(request)) not in self._tasks:
                self._tasks[key] = task = _Task(request)
                self._waiting.append(task)
        self._begin()

    def ask(self, request: Request) -> Iterator[Message]:
        """Messages of a request once its job has ended; what is asked for goes before what will be.

        Raises:
            ArtifactError: E-RUN where a machine breaks down in a way that another one would too.
        """
        key = _key(request)
        if key not in self._tasks:
            self._tasks[key] = task = _Task(request)
            self._waiting.appendleft(task)
        task = self._tasks.pop(key)
        while task.outcome is None:
            self._begin()
            self._wait()
        self._begin()
        _unpack(task.outcome.folder, Path(request["run"]))
        yield from task.outcome.messages

    def close(self) -> None:
        """Stop what is done, and leave the cluster; a second time nothing is left to do."""
        while self.hands:
            self.ray.kill(self.hands.pop())
        self.ray.shutdown()

    def _begin(self) -> None:
        """Give waiting tasks to free hands."""
        busy = [task.hand for task in self._running]
        free = [hand for hand in self.hands if hand not in busy]
        while free and self._waiting:
            task, hand = self._waiting.popleft(), free.pop()
            names = _needed(task.request)
            task.hand, task.reference = (
                hand,
                hand.do.remote(task.request, names, *[self._packed(task.request["run"], name) for name in names]),
            )
            self._running.append(task)

    def _wait(self) -> None:
        """Until one more has ended."""
        done, _ = self.ray.wait([task.reference for task in self._running], num_returns=1)
        (task,) = (task for task in self._running if task.reference == done[0])
        try:
            task.outcome = self.ray.get(task.reference)
        except self.ray.exceptions.RayError as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            text = f"a machine of the cluster cannot work: {said}. Finished trials are kept: mend it, and run the command again."
            raise ArtifactError(text, "E-RUN") from None
        self._running.remove(task)

    def _packed(self, run: str, name: str) -> Any:
        """Reference to a part of a run folder, which travels to each machine once."""
        if (run, name) not in self._sent:
            self._sent[run, name] = self.ray.put(_pack(Path(run), [name]))
        return self._sent[run, name]


def _key(request: Request) -> str:
    return json.dumps(request, sort_keys=True)


def _needed(request: Request) -> list[str]:
    """Below the run folder: the prepared rows, and the trials that are named in the request or are its own."""
    trials = Path(request["run"]) / _TRIALS
    text, own = json.dumps(request), Path(request["log"]).stem
    there = sorted(path.name for path in trials.iterdir() if path.is_dir()) if trials.is_dir() else []
    return [_DATA, *(f"{_TRIALS}/{name}" for name in there if name == own or name in text)]


def _pack(root: Path, names: Sequence[str]) -> bytes:
    """Folders and files below `root`, those that are there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            if (root / name).exists():
                archive.add(root / name, name)
    return buffer.getvalue()


def _unpack(packed: bytes, root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(root, filter="data")
