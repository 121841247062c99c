"""Processes that are really killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leantune.core.events import Event
from leantune.data.dataset import prepare
from leantune.execution.context import Context
from studies_of_trials import labelled_rows, opened

Dies = Callable[[Callable[[], Iterator[Event]], Callable[[Event], bool]], None]


@pytest.fixture(scope="module")
def context(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A study on a tiny sentence encoder."""
    run = tmp_path_factory.mktemp("run")
    return opened(str(tiny("sentence-bert")), run, prepare(labelled_rows(), run / "data"))


@pytest.fixture
def dies() -> Dies:
    """`dies(work, when)` does some work in a process of its own, which is killed (SIGKILL) at the first event for which `when` holds."""

    def run(work: Callable[[], Iterator[Event]], when: Callable[[Event], bool]) -> None:
        child = os.fork()
        if child == 0:
            for event in work():
                if when(event):
                    os.kill(os.getpid(), signal.SIGKILL)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it ended before it could be killed"

    return run
