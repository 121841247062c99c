"""The worker's process: started early, so that it loads its libraries while the caller reads data and options."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from leantune.execution.hands import Message, Request

GRACE = 30.0
"""Seconds that a training has to end its step and to write a checkpoint."""
_SERVE = "import gc; gc.disable(); from leantune.execution.worker import main; main()"
"""Libraries make little garbage while they load, and to look for it takes one second of ten; `worker.make_ready` turns it on."""


class WorkerProcess:
    """One running `leantune.execution.worker`; it ends with its parent, because its standard input closes then."""

    many = 1

    def __init__(self) -> None:
        self.process = self._started()

    @staticmethod
    def _started() -> subprocess.Popen[str]:
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE, str(os.getpid())],  # the user's own `datasets.py` is not the library
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which decides what it means
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it can take a job."""
        return self.process.poll() is None

    def ask(self, request: Request) -> Iterator[Message]:
        """Send one request; its messages up to and including the exit of its process. A worker that has died is started again."""
        if not self.alive:
            self.process = self._started()
        process = self.process
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

    def ahead(self, requests: Sequence[Request]) -> None:
        """One worker does one thing after another."""

    def close(self) -> None:
        """End the worker and whatever it is doing; a training gets a moment for a last checkpoint."""
        if not self.alive:
            return
        assert self.process.stdin is not None
        os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def ending(code: int, remedy: str = "try a smaller --batch or --max-length") -> str:
    """How a process ended, in one sentence.

    Args:
        code: of its exit; negative for a signal.
        remedy: where memory was short.
    """
    if code >= 0:
        return f"its process ended with code {code}"
    name = signal.Signals(-code).name
    hint = f" (usually the system ran out of memory: {remedy})" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"
