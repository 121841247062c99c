"""The worker: a process that has the heavy libraries loaded and forks one child for each job.

A child is a process of its own: a crash or an exhausted memory is one failed trial, the peak memory is the trial's, and
nothing leaks from one trial into the next. Jobs come as JSON lines on the standard input, events go as JSON lines to the
standard output; where the system cannot fork, jobs run one after another in the worker itself.

    {"kind": "trial" | "probe" | "baseline" | "further" | "mixture" | "probe-mixture", "run": "...", "conditions": {...}, "job": {...}}
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from leantune.core.events import Event
from leantune.core.study import Blend, Conditions, Job
from leantune.execution.baseline import run_baseline
from leantune.execution.context import Context
from leantune.execution.device import make_deterministic
from leantune.execution.further import run_further
from leantune.execution.mixture import Mixture, run_mixture
from leantune.execution.mixture_probe import probe_mixture
from leantune.execution.probe import ProbeResult, probe
from leantune.execution.trial import run_trial

Work = ProbeResult | Iterator[Event]
_OF_ONE: dict[str, Callable[[Context, Job], Work]] = {
    "probe": probe,
    "trial": run_trial,
    "baseline": run_baseline,
    "further": run_further,
}
PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""
_OF_SEVERAL: dict[str, Callable[[Mixture, Job], Work]] = {"mixture": run_mixture, "probe-mixture": probe_mixture}


def perform(request: dict[str, Any]) -> None:
    """Do one job and print its events."""
    kind, run, job = request["kind"], Path(request["run"]), Job.model_validate(request["job"])
    if job.conduct.deterministic:
        make_deterministic()
    if kind in _OF_SEVERAL:
        _tell(_OF_SEVERAL[kind](Mixture.open(run, Blend.model_validate(request["conditions"])), job))
    else:
        _tell(_OF_ONE[kind](Context(run, Conditions.model_validate(request["conditions"])).of(job), job))


def _tell(found: Work) -> None:
    if isinstance(found, ProbeResult):
        _say({"kind": "probed", "result": found.model_dump(mode="json")})
        return
    for event in found:
        _say(event.model_dump(mode="json"))


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _child(request: dict[str, Any]) -> int:
    """Run in the child; what goes wrong lands in the log that the parent names."""
    with Path(request["log"]).open("a", encoding="utf-8", buffering=1) as log:
        os.dup2(log.fileno(), 2)
        try:
            perform(request)
        except SystemExit as end:  # asked to end, with a checkpoint on the disk
            return int(end.code or 0)
        except Exception:  # noqa: BLE001  the whole trial is guarded here, its traceback kept
            traceback.print_exc(file=log)
            return 1
    return 0


def _forked(request: dict[str, Any]) -> int:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the child decides when it has ended what it must
    parent, child = os.getpid(), os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, before)
        _die_with(parent)
        os._exit(_child(request))
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, before)
    return os.waitstatus_to_exitcode(status)


def _die_with(parent: int) -> None:
    """Ask the system to kill this process when the one that started it is gone, so that two never write one run (Linux).

    Elsewhere a child ends with its next event, which nobody reads.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone already
            os._exit(1)


def main() -> None:
    """Serve jobs until the standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    _die_with(int(sys.argv[1]))
    run = _forked if hasattr(os, "fork") else _child
    with contextlib.suppress(BrokenPipeError):  # the parent is gone, and nobody waits for an answer
        for line in sys.stdin:
            _say({"kind": "exit", "code": run(json.loads(line))})


if __name__ == "__main__":
    main()
