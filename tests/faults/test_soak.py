"""Two hundred trials through one worker: memory and open files stay where they were."""

from __future__ import annotations

import psutil
import pytest

from leantune.core.events import Finished
from leantune.execution.context import Context
from leantune.execution.runner import Runner
from studies_of_trials import short_job

TRIALS, SETTLED = 200, 20


@pytest.mark.slow
def test_two_hundred_trials_leave_nothing_behind(context: Context) -> None:
    seen = []
    with Runner(context.run, context.conditions) as runner:
        worker = psutil.Process(runner._hands.process.pid)
        for seed in range(1, TRIALS + 1):
            *_, last = runner.run(short_job("head", steps=2, seed=seed).model_copy(update={"phase": "final", "measure": False}))
            assert isinstance(last, Finished)
            assert last.record.status in ("ok", "one_class")
            both = (worker, psutil.Process())
            seen.append([one.memory_info().rss for one in both] + [one.num_fds() for one in both])
            assert not worker.children(), "no process is left behind"
    before, after = seen[SETTLED], seen[-1]
    assert after[2:] == before[2:], "open files of the worker and of this process"
    assert all(now <= 1.05 * then + 2**22 for now, then in zip(after[:2], before[:2], strict=True)), (before, after)
    assert not list((context.run / "checkpoints").glob("*")), "nor a checkpoint"
