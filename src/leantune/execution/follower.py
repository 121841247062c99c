"""A follower: a process that trains with the leader of a crew (`execution.crew`) and keeps nothing of its own.

It reads one JSON object, {"run": "", "conditions": {}, "job": {}}, from the standard input, builds what the leader has built, says that it
is ready, and takes every step with it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import torch

from leantune.core.study import Conditions, Job
from leantune.execution.attach import attach, setup_of
from leantune.execution.checkpoint import Checkpoints
from leantune.execution.context import Context
from leantune.execution.crew import READY, join
from leantune.execution.device import make_deterministic
from leantune.execution.forks import die_with
from leantune.execution.loop import BestLook, Diverged, fit


def main() -> None:
    """Train beside the leader until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the leader decides, after a last checkpoint
    die_with(int(sys.argv[1]))
    spec = json.load(sys.stdin)
    job = Job.model_validate(spec["job"])
    parallel = job.conduct.parallel
    assert parallel is not None
    if job.conduct.deterministic:
        make_deterministic()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    conditions = Conditions.model_validate(spec["conditions"])
    context = Context(Path(spec["run"]), conditions).of(job)
    folder = context.run / "trials" / job.digest(conditions)
    context = context.settled_in(folder)
    setup = setup_of(context, job, attach(context, job))
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads on
    kept = Checkpoints(context.run / "checkpoints" / folder.name, pause=None)
    with suppress(Diverged):  # as the leader does, who tells it
        for _ in fit(setup, BestLook(), kept, micro_batch=job.conduct.micro_batch, crew=join(parallel, context.device)):
            pass


if __name__ == "__main__":
    main()
