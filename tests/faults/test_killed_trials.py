"""A trial that is killed at any moment and started again leaves the same bits as one that was left alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from safetensors.torch import load_file

from leantune.core import files, trial_folder
from leantune.core.events import Evaluated, Event, Finished, Started, Stepped
from leantune.core.records import TrialRecord
from leantune.core.study import Conduct, Job
from leantune.core.wording import Wording
from leantune.execution import checkpoint, results
from leantune.execution.context import Context
from leantune.execution.device import make_deterministic
from leantune.execution.trial import run_trial
from studies_of_trials import short_job

Dies = Callable[[Callable[[], Iterator[Event]], Callable[[Event], bool]], None]


def wanted(expression: str = "lora(rank=2)", wording: Wording | None = None, **changes: Any) -> Job:
    job = short_job(expression, steps=12, evaluations=3, dropout=0.1, patience=9, wording=wording)
    return job.model_copy(update={"phase": "train", "conduct": Conduct(checkpoint=0.0), "measure": False} | changes)


def finish(context: Context, job: Job) -> TrialRecord:
    *_, last = run_trial(context.of(job), job)
    assert isinstance(last, Finished)
    return last.record


def left(context: Context, record: TrialRecord) -> dict[str, Any]:
    """Everything of a trial that is no clock: its weights, predictions and golden rows by digest, its scores and its curve."""
    curve = [(point.step, point.train_loss, point.dev_score) for point in record.curve]
    assert trial_folder.fault(context.run / "trials" / record.digest) is None
    return {"files": record.files, "scores": record.scores, "status": record.status, "curve": curve}


@pytest.fixture(scope="module")
def alone(context: Context) -> dict[str, Any]:
    """What an uninterrupted trial leaves; its folder is gone afterwards."""
    job = wanted()
    record = finish(context, job)
    found = left(context, record)
    (context.run / "trials" / record.digest / "record.json").unlink()
    return found


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leantune.execution.loop.SHORTEST_PAUSE", 0.0)


def stepped(step: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Stepped) and event.step == step


def kill(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


MOMENTS: dict[str, Callable[[Event], bool]] = {
    "before the first step": lambda event: isinstance(event, Started),
    "in a step": stepped(7),
    "after a look": lambda event: isinstance(event, Evaluated) and event.point.step == 8,
    "at the last look": lambda event: isinstance(event, Evaluated) and event.point.step == 12,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment(context: Context, alone: dict[str, Any], dies: Dies, moment: str) -> None:
    job = wanted()
    dies(lambda: run_trial(context.of(job), job), MOMENTS[moment])
    assert left(context, finish(context, job)) == alone


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (checkpoint, "write_tensors"),  # nothing of the checkpoint is there
        (checkpoint, "seal"),  # its tensors are, without a manifest
        (checkpoint.os, "replace"),  # it is whole, beside its place
        (checkpoint, "flush_folder"),  # it is in its place, the older ones too
        (results, "reload"),  # the update is saved, and not proven
        (trial_folder, "seal"),  # all is done, and the record is not written
        (files.os, "fsync"),  # the first file that is to outlive a loss of power
    ],
)
def test_killed_in_a_write(
    context: Context, alone: dict[str, Any], dies: Dies, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    job = wanted()
    dies(lambda: run_trial(context.of(job), job), stepped(5))  # there are checkpoints, then
    with monkeypatch.context() as patched:
        patched.setattr(module, name, kill)
        dies(lambda: run_trial(context.of(job), job), lambda _: False)
    assert left(context, finish(context, job)) == alone
    assert not (context.run / "checkpoints" / job.digest(context.conditions)).exists(), "they go when the record is written"


def test_killed_again_and_again(context: Context, alone: dict[str, Any], dies: Dies) -> None:
    job = wanted()
    for step in range(2, 12, 3):
        dies(lambda: run_trial(context.of(job), job), stepped(step))
    assert left(context, finish(context, job)) == alone


@pytest.mark.parametrize("moment", ["in a step", "at the last look"])
def test_contrast_and_the_head_that_is_computed_behind_it(context: Context, dies: Dies, moment: str) -> None:
    words = Wording(templates=("it was {label}",), words={"good": ("great",), "bad": ("awful",)})
    job = wanted("anchors(loss=contrast) | lora(rank=2)", words)
    record = finish(context, job)
    undisturbed = left(context, record)
    assert any("after the contrast" in note for note in record.notes)
    (context.run / "trials" / record.digest / "record.json").unlink()
    dies(lambda: run_trial(context.of(job), job), MOMENTS[moment])
    again = finish(context, job)
    assert any("went on from the checkpoint" in note for note in again.notes)
    assert left(context, again) == undisturbed


@pytest.mark.parametrize("bad", [1, 2])
def test_truncated_checkpoints_are_passed_over_by_name(context: Context, alone: dict[str, Any], dies: Dies, bad: int) -> None:
    job = wanted()
    dies(lambda: run_trial(context.of(job), job), stepped(9))
    places = sorted((context.run / "checkpoints" / job.digest(context.conditions)).glob("step-*"))
    for place in places[-bad:]:
        path = place / checkpoint.TENSORS
        os.truncate(path, path.stat().st_size // 2)
    record = finish(context, job)
    assert left(context, record) == alone
    rejected = [note for note in record.notes if "is not used" in note]
    assert [note.split()[1] for note in rejected] == [place.name for place in reversed(places[-bad:])]


def test_asked_to_end_it_writes_a_last_checkpoint(context: Context, alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    job = wanted(conduct=Conduct(checkpoint=3600.0))
    child = os.fork()
    if child == 0:
        try:
            for event in run_trial(context.of(job), job):
                if stepped(6)(event):
                    os.kill(os.getpid(), signal.SIGTERM)
        except SystemExit as end:
            os._exit(int(end.code or 0))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143
    record = finish(context, job)
    assert "went on from the checkpoint at step 6" in record.notes
    assert left(context, record) == alone


def test_the_deterministic_mode_runs_and_gives_the_same_bits(context: Context, alone: dict[str, Any]) -> None:
    job = wanted()
    child = os.fork()
    if child == 0:
        make_deterministic()
        finish(context, job)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    record = trial_folder.read_record(context.run / "trials" / job.digest(context.conditions))
    assert record is not None
    assert left(context, record) == alone


def test_a_bit_that_flips_in_a_finished_trial_is_noticed(context: Context, alone: dict[str, Any]) -> None:
    job = wanted()
    record = finish(context, job)
    folder = context.run / "trials" / record.digest
    (path,) = folder.glob("delta/*.safetensors")
    assert load_file(path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 4
    path.write_bytes(bytes(data))
    trial_folder._fault.cache_clear()  # as another process would
    assert trial_folder.fault(folder) == f"delta/{path.name} in {folder} is not what the trial wrote"
    assert trial_folder.read_record(folder) is None


def test_a_smaller_disk_than_the_checkpoint_costs_nothing_else(
    context: Context, alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_tensors", full)
    job = wanted()
    record = finish(context, job)
    assert left(context, record) == alone
    assert sum("no checkpoint could be written" in note for note in record.notes) == 1, "said once"


def test_seeds_and_recipes_do_not_share_checkpoints(context: Context, dies: Dies) -> None:
    one, other = wanted(), wanted(seed=2)
    dies(lambda: run_trial(context.of(one), one), stepped(9))
    record = finish(context, other)
    assert not any("went on" in note for note in record.notes)
    assert replace(context, seed=None) == context
