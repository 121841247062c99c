"""A disk that is full or cannot be written: one sentence with what to do, and the same command goes on when there is room."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from leantune.cli import main as program
from leantune.core.events import Finished
from leantune.execution import results
from leantune.execution.context import Context
from leantune.execution.trial import run_trial
from studies_of_trials import short_job


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a/model.safetensors")


def test_a_trial_says_what_the_disk_refused_and_is_run_again(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    job = short_job("lora(rank=2)", seed=5).model_copy(update={"phase": "train", "measure": False})
    with monkeypatch.context() as patched:
        patched.setattr(results, "write_delta", full)
        *_, last = run_trial(context.of(job), job)
    assert isinstance(last, Finished)
    assert last.record.status == "failed"
    assert last.record.reason == (
        "No space left on device: runs/a/model.safetensors. Make room and run the same command again; what was finished is kept."
    )
    *_, last = run_trial(context.of(job), job)
    assert isinstance(last, Finished)
    assert last.record.status != "failed"


def test_what_is_no_matter_of_the_disk_is_not_hidden(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(results, "write_delta", broken)
    job = short_job("head", seed=5).model_copy(update={"phase": "train", "measure": False})
    with pytest.raises(RuntimeError, match="a defect"):
        list(run_trial(context.of(job), job))


def test_the_command_ends_with_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(program, "build", lambda: full)
    with pytest.raises(SystemExit) as caught:
        program.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: No space left on device: runs/a/model.safetensors. Make room")
