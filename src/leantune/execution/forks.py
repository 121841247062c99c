"""Forks: the processes that the worker makes of itself.

The worker has the heavy libraries loaded and has done nothing else, so each of its children starts in no time and knows nothing of the
others. A job has a child of its own, and a line to the worker, by which it asks for a further, clean one where it shall not judge itself.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leantune.execution.hands import Request

PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""

Ask = Callable[[Request], Request]
"""Has something done in a clean process. An empty answer and the code of its exit (`code`), where that failed."""


@dataclass(frozen=True)
class _Line:
    """The child's end of the line to the worker."""

    end: socket.socket

    def ask(self, request: Request) -> Request:
        self.end.sendall(json.dumps(request).encode() + b"\n")
        with self.end.makefile(encoding="utf-8") as answers:
            return json.loads(answers.readline())  # type: ignore[no-any-return]


def fork_job(log: Path, work: Callable[[Ask], None], clean: Callable[[Request], Request]) -> int:
    """Do some work in a child, and in further ones what that asks for; the exit code of the child, negative for a signal.

    Args:
        log: where what goes wrong is written.
        work: of the child.
        clean: answers what the child asks for.
    """
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the child decides when it has ended what it must
    ours, theirs = socket.socketpair()

    def begin() -> None:
        ours.close()
        os.register_at_fork(after_in_child=theirs.close)  # whom the child leaves behind must not hold the line
        work(_Line(theirs).ask)

    child = _fork(log, before, begin)
    theirs.close()
    with ours, suppress(ConnectionError), ours.makefile(encoding="utf-8") as asked:  # a child may be killed while it waits
        for line in asked:
            ours.sendall(_apart(log, before, json.loads(line), clean).encode() + b"\n")
    code = _ended(child)
    signal.signal(signal.SIGTERM, before)
    return code


def _apart(log: Path, before: Any, request: Request, clean: Callable[[Request], Request]) -> str:
    read, write = os.pipe()

    def begin() -> None:
        os.close(read)
        with os.fdopen(write, "w", encoding="utf-8") as answer:
            json.dump(clean(request), answer)

    child = _fork(log, before, begin)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as answer:
        text = answer.read()
    code = _ended(child)
    return text if code == 0 and text else json.dumps({"code": code})


def _fork(log: Path, before: Any, work: Callable[[], None]) -> int:
    parent, child = os.getpid(), os.fork()
    if child == 0:
        code = 1
        try:  # whatever happens, this process must not go on as if it were the worker
            signal.signal(signal.SIGTERM, before)
            die_with(parent)
            code = logged(log, work)
        finally:
            os._exit(code)
    return child


def _ended(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def logged(log: Path, work: Callable[[], None]) -> int:
    """Do some work; what goes wrong lands in the log. The exit code."""
    with log.open("a", encoding="utf-8", buffering=1) as errors:
        os.dup2(errors.fileno(), 2)
        try:
            work()
        except SystemExit as end:  # asked to end, with a checkpoint on the disk
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except Exception:  # noqa: BLE001  the whole work is guarded here, its traceback kept
            traceback.print_exc(file=errors)
            return 1
    return 0


def die_with(parent: int) -> None:
    """Ask the system to kill this process when the one that started it is gone, so that two never write one run (Linux).

    Elsewhere a child ends with its next event, which nobody reads.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone already
            os._exit(1)
