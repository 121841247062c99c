"""A follower: a process that trains with the leader of a crew (`execution.crew`) and keeps nothing of its own.

It reads one line of JSON, {"run": "", "conditions": {}, "job": {}}, from the standard input, builds what the leader has built, says that it
is ready, and takes every step with it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import torch

from leantune.core.study import Conditions, Job
from leantune.execution.attach import attach, setup_of
from leantune.execution.checkpoint import Checkpoints
from leantune.execution.context import Context
from leantune.execution.crew import NO_MEMORY, READY, join, part
from leantune.execution.device import make_deterministic, out_of_memory
from leantune.execution.forks import die_with
from leantune.execution.loop import BestLook, Diverged, fit


def main() -> None:
    """Train beside the leader until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the leader decides, after a last checkpoint
    die_with(int(sys.argv[1]))
    spec = json.loads(sys.stdin.readline())
    job = Job.model_validate(spec["job"])
    parallel = job.conduct.parallel
    assert parallel is not None
    if job.conduct.deterministic:
        make_deterministic()
    conditions = Conditions.model_validate(spec["conditions"])
    if conditions.device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    context = Context(Path(spec["run"]), conditions).of(job)
    folder = context.run / "trials" / job.digest(conditions)
    context = context.settled_in(folder)
    setup = setup_of(context, job, attach(context, job))
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads on
    kept = Checkpoints(context.run / "checkpoints" / folder.name, pause=None)
    crew = join(parallel, context.device, torch.get_num_threads())
    try:
        for _ in fit(setup, BestLook(), kept, micro_batch=job.conduct.micro_batch, crew=crew):
            pass
    except Diverged:
        pass  # as the leader does, who tells it
    except (RuntimeError, MemoryError) as error:
        if out_of_memory(error):
            os._exit(NO_MEMORY)
        raise
    part()
    sys.stdin.read()  # until the leader has seen everything


if __name__ == "__main__":
    main()
