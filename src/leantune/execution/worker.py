"""The worker: a process that has the heavy libraries loaded and forks one child for each job.

A child is a process of its own: a crash or an exhausted memory is one failed trial, the peak memory is the trial's, and
nothing leaks from one trial into the next. What a trial saved is read back by a second child, which has trained nothing. Jobs come as JSON
lines on the standard input, events go as JSON lines to the standard output; where the system cannot fork, jobs run one after another in
the worker itself.

    {"kind": "trial" | "probe" | "account" | "baseline" | "further" | "mixture" | "probe-mixture", "run": "", "conditions": {}, "job": {}}
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from leantune.core.events import Event
from leantune.core.measured import Reloaded
from leantune.core.study import Blend, Conditions, Job
from leantune.execution.baseline import run_baseline
from leantune.execution.context import Context
from leantune.execution.device import make_deterministic
from leantune.execution.forks import Ask, die_with, fork_job, logged
from leantune.execution.further import run_further
from leantune.execution.hands import Request
from leantune.execution.mixture import Mixture, run_mixture
from leantune.execution.mixture_probe import probe_mixture
from leantune.execution.probe import ProbeResult, probe
from leantune.execution.process import ending
from leantune.execution.reloading import reload
from leantune.execution.savings import Account, account
from leantune.execution.trial import run_trial

Work = ProbeResult | Account | Iterator[Event]
_OF_ONE: dict[str, Callable[[Context, Job], Work]] = {
    "probe": probe,
    "account": account,
    "trial": run_trial,
    "baseline": run_baseline,
    "further": run_further,
}
_OF_SEVERAL: dict[str, Callable[[Mixture, Job], Work]] = {"mixture": run_mixture, "probe-mixture": probe_mixture}


def perform(request: Request, ask: Ask | None = None) -> None:
    """Do one job and print its events.

    Args:
        request: see above.
        ask: for a clean process, where the system has any.
    """
    kind, run, job = request["kind"], Path(request["run"]), Job.model_validate(request["job"])
    apart = None if ask is None else partial(_asked, ask)
    if job.conduct.deterministic:
        make_deterministic()
    if kind in _OF_SEVERAL:
        _tell(_OF_SEVERAL[kind](Mixture.open(run, Blend.model_validate(request["conditions"]), apart), job))
    else:
        _tell(_OF_ONE[kind](Context(run, Conditions.model_validate(request["conditions"]), reload=apart).of(job), job))


def _asked(ask: Ask, run: Path, conditions: Conditions, job: Job, folder: Path) -> Reloaded:
    """What a clean process finds in the folder of a trial."""
    saved = {"run": str(run), "conditions": conditions.model_dump(mode="json"), "job": job.model_dump(mode="json"), "folder": str(folder)}
    answer = ask(saved)
    if "code" in answer:
        return Reloaded(problem=f"reading it back failed: {ending(answer['code'], 'this holds the model a second time; free some')}")
    return Reloaded.model_validate(answer)


def _reloaded(saved: Request) -> Request:
    """In the clean process."""
    conditions, job = Conditions.model_validate(saved["conditions"]), Job.model_validate(saved["job"])
    if job.conduct.deterministic:
        make_deterministic()
    return reload(Path(saved["run"]), conditions, job, Path(saved["folder"])).model_dump(mode="json")


def _tell(found: Work) -> None:
    if isinstance(found, ProbeResult | Account):
        _say({"kind": "measured", "result": found.model_dump(mode="json")})
        return
    for event in found:
        _say(event.model_dump(mode="json"))


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _do(request: Request) -> int:
    log = Path(request["log"])
    if hasattr(os, "fork"):
        return fork_job(log, partial(perform, request), _reloaded)
    return logged(log, partial(perform, request))


def make_ready() -> None:
    """Do once what each child would do anew, which takes it a second: longer than many a small training.

    What is loaded then is never searched for garbage; what comes later is.
    """
    with contextlib.suppress(Exception):  # it is no part of what transformers promises, and each child can do it too
        from transformers.conversion_mapping import get_checkpoint_conversion_mapping

        get_checkpoint_conversion_mapping("")  # compiles the names that weights had in older checkpoints, of all families
    gc.freeze()  # children then neither search what they inherit for garbage nor copy its pages by that
    gc.enable()  # `process` starts this one with it off


def main() -> None:
    """Serve jobs until the standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    die_with(int(sys.argv[1]))
    make_ready()
    with contextlib.suppress(BrokenPipeError):  # the parent is gone, and nobody waits for an answer
        for line in sys.stdin:
            _say({"kind": "exit", "code": _do(json.loads(line))})
