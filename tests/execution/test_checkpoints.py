"""Checkpoints: an interrupted training ends with the same bits, whatever is trained; a damaged checkpoint is passed over by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leantune.core.events import Evaluated, Event, Noted, Stepped
from leantune.core.study import Job
from leantune.data.dataset import prepare
from leantune.execution import checkpoint
from leantune.execution.attach import attach, setup_of
from leantune.execution.checkpoint import MANIFEST, TENSORS, VALUES, Checkpoint, Checkpoints
from leantune.execution.context import Context
from leantune.execution.course import Course
from leantune.execution.loop import BestLook, fit, trained_names
from leantune.execution.mixture import Mixture, attach_joint, course_of
from leantune.models.adaptation import Adaptation
from studies_of_trials import labelled_rows, opened

MakeJob = Callable[..., Job]


def course(context: Context, job: Job) -> Course:
    return setup_of(context, job, attach(context, job))


def trained(made: Course) -> dict[str, Tensor]:
    names = trained_names(made.network, made.adaptation)
    return {name: value.detach().clone() for name, value in made.network.named_parameters() if name in names}


def points(events: list[Event]) -> list[tuple[int, float, float, bool]]:
    return [(one.point.step, one.point.train_loss, one.point.dev_score, one.best) for one in events if isinstance(one, Evaluated)]


def notes(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Noted)]


def run_until(events: Iterator[Event], step: int) -> None:
    """Ask for events up to a step, then for no more: its checkpoint is not written any more."""
    for event in events:
        if isinstance(event, Stepped) and event.step >= step:
            return
    raise AssertionError("it ended before")


def both_ways(make: Callable[[], Course], folder: Path, *stops: int) -> tuple[Course, Course]:
    """The same training in one go, and with interruptions."""
    whole, seen = make(), BestLook()
    expected = list(fit(whole, seen))
    for stop in stops:
        interrupted = fit(make(), BestLook(), Checkpoints(folder, 0.0))
        run_until(interrupted, stop)
        interrupted.close()
        torch.rand(3)  # another process has other numbers
    resumed, again = make(), BestLook()
    events = list(fit(resumed, again, Checkpoints(folder, 0.0)))
    assert notes(events) == [*resumed.notes, f"went on from the checkpoint at step {stops[-1] - 1}"]
    assert points(events) == points(expected)
    assert str(again.best) == str(seen.best)
    return whole, resumed


@pytest.mark.parametrize(
    "method",
    [
        "full",
        "head",
        "lora(rank=2, dropout=0.2)",
        "adalora(rank=4, target_rank=2)",
        "bitfit",
        "houlsby",
        "prefix(tokens=2)",
        "last_layers(1)",
    ],
)
def test_an_interrupted_training_ends_with_the_same_bits(
    context: Context, job: MakeJob, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leantune.execution.loop.SHORTEST_PAUSE", 0.0)
    wanted = job(method, steps=24, evaluations=4, dropout=0.1, patience=9)
    whole, resumed = both_ways(lambda: course(context, wanted), tmp_path, 5, 14, 19)
    one, other = trained(whole), trained(resumed)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("optimizer", ["sgd", "adafactor", "rmsprop"])
def test_every_optimiser_goes_on_as_it_was(
    context: Context, job: MakeJob, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leantune.execution.loop.SHORTEST_PAUSE", 0.0)
    wanted = job("lora(rank=2)", steps=8, optimizer=optimizer, schedule="cosine", warmup=0.2)
    whole, resumed = both_ways(lambda: course(context, wanted), tmp_path, 4)
    one, other = trained(whole), trained(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_tasks_that_take_turns_go_on_where_they_were(
    mixture_of: Callable[..., Mixture], job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leantune.execution.loop.SHORTEST_PAUSE", 0.0)
    two, wanted = mixture_of("mood", "slots"), job("lora(rank=2)", steps=12, evaluations=2, dropout=0.1)
    whole, resumed = both_ways(lambda: course_of(two, wanted, attach_joint(two, wanted)), tmp_path, 8)
    one, other = trained(whole), trained(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_other_words_are_hidden_as_they_would_have_been(
    tiny_lm: Callable[[str], Path], job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leantune.execution.loop.SHORTEST_PAUSE", 0.0)
    rows = [{"text": f"{row['text']} and what a day it was for all of us"} for row in labelled_rows()]
    context = opened(str(tiny_lm("bert")), tmp_path / "run", prepare(rows, tmp_path / "run" / "data", task="masked_lm"))
    wanted = job("lora(rank=2)", steps=8, evaluations=2, masking="dynamic", dropout=0.1)
    whole, resumed = both_ways(lambda: course(context, wanted), tmp_path / "checkpoints", 6)
    one, other = trained(whole), trained(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_remembers_outside_of_the_weights_and_cannot_tell_begins_anew(context: Context, job: MakeJob, tmp_path: Path) -> None:
    made = course(context, job("lora(rank=2)"))
    adaptation = replace(made.adaptation, after_step=lambda step: None)
    assert isinstance(adaptation, Adaptation)
    list(fit(replace(made, adaptation=adaptation), BestLook(), Checkpoints(tmp_path, 0.0)))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    made = Checkpoints(tmp_path / "checkpoints", 0.0)
    for step in (1, 2, 3):
        assert made.keep(Checkpoint(step, {"now/x": torch.full((4,), float(step))}, {"step": step})) is None
    return made


def test_the_newest_one_and_the_one_before_are_kept(kept: Checkpoints) -> None:
    assert sorted(path.name for path in kept.folder.iterdir()) == ["step-00000002", "step-00000003"]
    found, rejected = kept.newest()
    assert found is not None
    assert (found.step, found.values, found.tensors["now/x"].tolist(), rejected) == (3, {"step": 3}, [3.0] * 4, [])


@pytest.mark.parametrize(
    ("name", "harm", "says"),
    [
        (TENSORS, lambda data: data[:-3], f"{TENSORS} is not what was written"),
        (TENSORS, lambda data: data[:-1] + bytes([data[-1] ^ 1]), f"{TENSORS} is not what was written"),
        (VALUES, lambda data: b"", f"{VALUES} is not what was written"),
        (MANIFEST, lambda data: data[:20], "its manifest is missing or damaged"),
        (MANIFEST, lambda data: data.replace(b'"format": 1', b'"format": 9'), "it has format 9"),
        (MANIFEST, lambda data: data.replace(b'"torch": "', b'"torch": "0.'), "it would not go on with the same bits (torch 0."),
    ],
)
def test_a_damaged_one_is_passed_over_and_named(kept: Checkpoints, name: str, harm: Callable[[bytes], bytes], says: str) -> None:
    path = kept.folder / "step-00000003" / name
    path.write_bytes(harm(path.read_bytes()))
    found, rejected = kept.newest()
    assert found is not None
    assert found.step == 2
    (sentence,) = rejected
    assert sentence.startswith("checkpoint step-00000003 is not used: ")
    assert says in sentence


def test_where_all_are_passed_over_the_new_ones_are_kept(kept: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_made_by", lambda: {"torch": "another"})
    assert kept.newest()[0] is None
    assert kept.keep(Checkpoint(1, {"now/x": torch.zeros(1)}, {})) is None
    found, rejected = kept.newest()
    assert found is not None
    assert (found.step, rejected) == (1, [])


def test_numbers_that_are_not_finite_come_back_as_they_were(kept: Checkpoints) -> None:
    assert kept.keep(Checkpoint(4, {"optimizer/0/exp_avg": torch.tensor([float("inf"), 1.0])}, {})) is None
    found, _ = kept.newest()
    assert found is not None
    assert found.tensors["optimizer/0/exp_avg"].tolist() == [float("inf"), 1.0]


def test_a_missing_file_is_no_fresh_start_but_a_rejected_checkpoint(kept: Checkpoints) -> None:
    for place in kept.folder.iterdir():
        (place / TENSORS).unlink()
    found, rejected = kept.newest()
    assert found is None
    assert len(rejected) == 2


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(
    context: Context, job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_tensors", full)
    made = course(context, job("bitfit", steps=3))
    expected = course(context, job("bitfit", steps=3))
    list(fit(expected, BestLook()))
    events = list(fit(made, BestLook(), Checkpoints(tmp_path, 0.0)))
    assert "no checkpoint could be written at step 1 ([Errno 28] No space left on device)" in notes(events)
    one, other = trained(made), trained(expected)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not list(tmp_path.iterdir())


def test_checkpoints_are_rare_enough_to_cost_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    made = Checkpoints(tmp_path, 60.0)
    now[0] = 59.0
    assert not made.due
    now[0] = 61.0
    assert made.due
    slow = checkpoint.seal

    def slowly(folder: Path) -> dict[str, str]:
        now[0] += 10.0
        return slow(folder)

    monkeypatch.setattr(checkpoint, "seal", slowly)
    assert made.keep(Checkpoint(1, {"x": torch.zeros(1)}, {})) is None
    now[0] += 10.0 / checkpoint.SHARE - 1.0
    assert not made.due, "ten seconds of writing are two percent of 500"
    now[0] += 2.0
    assert made.due
    assert json.loads((tmp_path / "step-00000001" / MANIFEST).read_text())["step"] == 1
