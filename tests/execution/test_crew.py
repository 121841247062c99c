"""Several processes train one model: two of them, on this processor, learn what one learns; one that dies takes none of the work along."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
import torch
from torch import Tensor

from leantune.core.errors import SpecError
from leantune.core.events import Evaluated, Finished
from leantune.core.parallel import Parallel, parse_parallel
from leantune.core.records import TrialRecord
from leantune.core.study import Conduct, Job
from leantune.data.dataset import prepare
from leantune.execution.attach import attach, setup_of
from leantune.execution.cluster import Cluster
from leantune.execution.context import Context
from leantune.execution.crew import NO_MEMORY, _killed, mustered
from leantune.execution.device import refuse_more_than_devices
from leantune.execution.hands import Message
from leantune.execution.loop import BestLook, fit
from leantune.execution.process import WorkerProcess
from leantune.execution.trial import _crew, run_trial
from leantune.models.divided import is_divided
from leantune.models.joint import Joint
from leantune.models.network import Network
from studies_of_trials import labelled_rows, opened, tagged_rows

MakeJob = Callable[..., Job]
DDP, FSDP = Parallel(way="ddp", processes=2), Parallel(way="fsdp", processes=2)
TEXTS = [{"text": f"{row['text']} and what a day it was for all of us"} for row in labelled_rows()]


def by(parallel: Parallel, job: Job, **conduct: Any) -> Job:
    return job.model_copy(update={"conduct": Conduct(parallel=parallel, **conduct)})


def weights(network: Network | Joint) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """More than there are processes, as on most machines."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def scores(events: list[Any]) -> list[tuple[float, float]]:
    return [(event.point.train_loss, event.point.dev_score) for event in events if isinstance(event, Evaluated)]


def record_of(context: Context, job: Job) -> TrialRecord:
    *_, last = run_trial(context.of(job), job)
    assert isinstance(last, Finished)
    return last.record


def same_as_one(context: Context, wanted: Job, parallel: Parallel, **conduct: Any) -> None:
    alone = setup_of(context, wanted, attach(context, wanted))
    expected, weights_of_one = list(fit(alone, BestLook())), weights(alone.network)
    job = by(parallel, wanted, **conduct)
    setup = setup_of(context, job, attach(context, job))
    looks = BestLook[Any]()
    kinds = [type(part) for part in setup.network.modules()]
    with mustered(context, job) as crew:
        seen = list(fit(setup, looks, micro_batch=job.conduct.micro_batch, crew=crew))
    for found, known in zip(scores(seen), scores(expected), strict=True):
        assert found == pytest.approx(known, rel=1e-4)
    assert looks.best.predicted is not None
    weights_of_two = weights(setup.network)
    assert list(weights_of_two) == list(weights_of_one)
    assert not any(map(is_divided, weights_of_two.values()))
    again = copy.deepcopy(setup.network)
    assert weights(again).keys() == weights_of_two.keys()
    assert [type(part) for part in setup.network.modules()] == kinds, "the network is what it was"
    for name, value in weights_of_one.items():
        torch.testing.assert_close(weights_of_two[name], value, rtol=1e-4, atol=1e-5)
    assert not torch.distributed.is_initialized()
    assert "MASTER_PORT" not in os.environ


def test_rows_divided_among_two_processes(context: Context, job: MakeJob) -> None:
    same_as_one(context, job("lora(rank=2)", steps=4, lr=1e-2, optimizer="sgd"), DDP, micro_batch=3)


def test_weights_divided_among_two_processes_and_an_early_look_that_is_the_best(context: Context, job: MakeJob) -> None:
    """At this rate it gets worse, so what is kept are not the last weights."""
    same_as_one(context, job("full", steps=6, lr=3.0, optimizer="sgd", evaluations=6), FSDP)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [DDP, FSDP], ids=["ddp", "fsdp"])
@pytest.mark.parametrize("kind", ["first tokens", "tags", "hidden words", "next words"])
def test_other_tasks_too(kind: str, parallel: Parallel, tiny: Any, tiny_lm: Any, tmp_path: Path, job: MakeJob) -> None:
    bases = {"hidden words": "bert", "next words": "gpt2"}
    tasks = {"hidden words": "masked_lm", "next words": "causal_lm"}
    rows: list[dict[str, Any]] = {"first tokens": labelled_rows, "tags": tagged_rows}.get(kind, lambda: TEXTS)()
    base = tiny_lm(bases[kind]) if kind in bases else tiny("bert")
    context = opened(str(base), tmp_path, prepare(rows, tmp_path / "data", **({"task": tasks[kind]} if kind in tasks else {})))
    metric = context.task.default_metric(context.dataset.labels)
    context = Context(context.run, context.conditions.model_copy(update={"metric": metric}))
    same_as_one(context, job("full", steps=3, lr=1e-3, optimizer="sgd"), parallel)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "parallel"),
    [
        ("adalora(rank=4, target_rank=2)", DDP),
        ("houlsby", DDP),
        ("prefix(tokens=4)", DDP),
        ("lora(rank=2)", FSDP),
        ("pfeiffer", FSDP),
        ("prefix(tokens=4)", FSDP),
        ("last_layers(1)", FSDP),
    ],
)
def test_other_methods_too(context: Context, job: MakeJob, method: str, parallel: Parallel) -> None:
    same_as_one(context, job(method, steps=4, lr=1e-2, optimizer="sgd"), parallel)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [DDP, FSDP], ids=["ddp", "fsdp"])
def test_a_whole_trial(context: Context, job: MakeJob, parallel: Parallel) -> None:
    wanted = job("full", steps=6, lr=3e-3, seed=3).model_copy(update={"phase": "final"})
    one, two = record_of(context, wanted), record_of(context, by(parallel, wanted))
    assert (two.status, two.digest) == (one.status, one.digest), two.reason
    assert two.scores.dev == pytest.approx(one.scores.dev, abs=0.03)
    assert two.cost.saved_bytes == one.cost.saved_bytes
    assert any("reloaded" in note for note in two.notes)


def test_what_cannot_be_divided_is_trained_by_one(context: Context, job: MakeJob) -> None:
    record = record_of(context, by(DDP, job("head", steps=3)))
    assert record.status in ("ok", "one_class")
    assert any("trained by one process" in note for note in record.notes)


def test_weights_that_are_looked_at_whole_are_not_divided(context: Context, job: MakeJob) -> None:
    record = record_of(context, by(FSDP, job("adalora(rank=4, target_rank=2)", steps=3)))
    assert record.status == "failed"
    assert (
        record.reason
        == "adalora(rank=4, target_rank=2) cannot be trained with --parallel fsdp: it looks at whole weights in every step. Take ddp."
    )


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [DDP, FSDP], ids=["ddp", "fsdp"])
def test_a_loss_that_is_no_number_ends_all(context: Context, job: MakeJob, parallel: Parallel) -> None:
    wanted = job("full", steps=6, lr=1e30, optimizer="sgd").model_copy(update={"phase": "final"})
    one, two = record_of(context, wanted), record_of(context, by(parallel, wanted))
    assert (two.status, two.reason) == ("diverged", one.reason)
    assert two.notes == one.notes
    assert not torch.distributed.is_initialized()


@pytest.mark.slow
def test_two_trainings_of_one_process(context: Context, job: MakeJob) -> None:
    for parallel in (FSDP, DDP):
        same_as_one(context, job("lora(rank=2)", steps=2, lr=1e-2, optimizer="sgd", batch_rows=1), parallel)  # fewer rows than processes


def test_who_cannot_begin_is_told(context: Context, job: MakeJob) -> None:
    wanted = by(DDP, job("lora(rank=2)", steps=2))
    gone = Context(context.run, context.conditions.model_copy(update={"model": str(context.run / "gone")}))
    with pytest.raises(SpecError, match="One of 2 processes could not begin; the log of the trial says why"), mustered(gone, wanted):
        pass


def test_a_teacher_is_heard_by_one_process(context: Context, job: MakeJob) -> None:
    """The others know nothing of what it says."""
    wanted = by(DDP, job("lora(rank=2)"))
    attached = attach(context, wanted)
    _, note = _crew(replace(context, lesson=cast(Any, object())), wanted, attached, setup_of(context, wanted, attached))
    assert note == "trained by one process: stored states, computed heads, teachers, contrast and chosen entries are not divided"


def test_no_more_processes_than_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    refuse_more_than_devices(DDP, torch.device("cpu"))
    refuse_more_than_devices(None, torch.device("cuda"))
    said = "--parallel ddp:2 asks for 2 devices, and there is 1 cuda device here. Ask for no more, or leave it out."
    with pytest.raises(SpecError) as error:
        refuse_more_than_devices(DDP, torch.device("cuda"))
    assert error.value.message == said


def test_no_processes_on_a_cluster() -> None:
    with pytest.raises(SpecError, match="--on and --parallel do not go together"):
        Cluster.joined("ray", DDP)


@pytest.mark.slow
@pytest.mark.parametrize("base", ["roberta", "gpt2", "qwen2", "deberta-v2", "modernbert"])
def test_other_families_too(base: str, tiny: Any, tmp_path: Path, job: MakeJob) -> None:
    context = opened(str(tiny(base)), tmp_path, prepare(labelled_rows(), tmp_path / "data"))
    same_as_one(context, job("full", steps=2, lr=1e-3, optimizer="sgd"), FSDP)


def through_a_worker(context: Context, job: Job, *, kill: bool = False) -> Message:
    """The last message but one of a worker that carries out a job; its other processes are killed at the first look, or not."""
    folder = context.run / "trials" / job.digest(context.conditions)
    spec = {"run": str(context.run), "conditions": context.conditions.model_dump(mode="json"), "job": job.model_dump(mode="json")}
    messages = []
    with WorkerProcess() as worker:
        for message in worker.ask({"kind": "trial", "log": str(folder.with_suffix(".log"))} | spec):
            messages.append(message)
            if kill and message["kind"] == "evaluated":
                for child in psutil.Process(worker.process.pid).children(recursive=True):
                    if any("follower" in word for word in child.cmdline()):
                        child.kill()
    return messages[-1] if kill else messages[-2]


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_training_which_goes_on_later(context: Context, job: MakeJob) -> None:
    plain = job("full", steps=40, lr=1e-3, seed=5, evaluations=8).model_copy(update={"phase": "final"})
    expected, wanted = record_of(context, plain), by(DDP, plain, checkpoint=0)
    assert through_a_worker(context, wanted, kill=True) == {"kind": "exit", "code": 1}
    log = (context.run / "trials" / wanted.digest(context.conditions)).with_suffix(".log").read_text()
    assert "one of the processes that train together is gone: its process was ended by SIGKILL" in log
    found = TrialRecord.model_validate(through_a_worker(context, wanted)["record"])
    assert found.status == expected.status
    assert any("went on from the checkpoint" in note for note in found.notes)
    assert found.scores.dev == pytest.approx(expected.scores.dev, abs=0.05)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("raise ValueError", None),
        ("import time; time.sleep(9)", None),
        ("import os; os.kill(os.getpid(), 9)", -9),
        (f"raise SystemExit({NO_MEMORY})", NO_MEMORY),
    ],
)
def test_who_was_killed_is_told_from_who_failed_as_all_did(monkeypatch: pytest.MonkeyPatch, code: str, found: int | None) -> None:
    monkeypatch.setattr("leantune.execution.crew._DYING", 1.0)
    other = subprocess.Popen([sys.executable, "-c", code], text=True, stderr=subprocess.DEVNULL)
    try:
        assert _killed([other]) == found
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dpp:2", 'No way to train in parallel "dpp". Closest: "ddp". All: ddp, fsdp.'),
        ("ddp", '--parallel "ddp": the number of processes is missing. Write for example ddp:2.'),
        ("fsdp:many", '--parallel "fsdp:many": "many" is no number of processes. Write for example fsdp:2.'),
        ("ddp:0", '--parallel "ddp:0": "0" is no number of processes. Write for example ddp:2.'),
        ("ddp:9999", "--parallel"),
    ],
)
def test_what_is_said_of_a_typo(text: str, said: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_parallel(text)
    assert said in error.value.message


def test_one_process_is_no_crew() -> None:
    assert parse_parallel("ddp:1") is None
    assert parse_parallel(None) is None
    assert parse_parallel("FSDP:4") == Parallel(way="fsdp", processes=4)
