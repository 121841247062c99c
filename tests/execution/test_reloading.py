"""What a trial saved is read back in a process that has trained nothing, before the trial counts as done."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from leantune.core import catalogue
from leantune.core.events import Finished
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.data.dataset import prepare
from leantune.execution import results
from leantune.execution.context import Context
from leantune.execution.forks import Ask, Request, fork_job
from leantune.execution.mixture import Mixture
from leantune.execution.runner import Runner
from leantune.execution.trial import run_trial
from leantune.execution.worker import _asked
from leantune.models.delta import write_delta
from studies_of_trials import labelled_rows, opened, short_job

METHODS = [{"last_layers": "last_layers(1)"}.get(name, name) for name in catalogue.names("methods") if name != "peft"]
CHAINS = ["lora(rank=2) | quantize(int8)", "lora(rank=2) | prune(weights, keep=0.5)"]
FAMILIES = ("sentence-bert", "roberta", "distilbert", "t5", "gpt2", "llama")
OUTSIDE = ("prefix", "prompt", "p_tuning", "prototypes", "logistic", "averaged")
REFUSED = {("distilbert", "prefix"), ("gpt2", "sparse"), ("gpt2", "peft.loha(r=2)"), *(("t5", name) for name in OUTSIDE)}
"""Before anything is run; the laws of the methods and of the candidates say so."""
QUICK = [("sentence-bert", "head"), ("sentence-bert", "lora(rank=2) | quantize(int8)"), ("gpt2", "lora"), ("t5", "lora")]


def final(method: str, **changes: Any) -> Job:
    return short_job(method, **changes).model_copy(update={"phase": "final", "measure": False})


def last_record(events: Iterator[Any]) -> TrialRecord:
    *_, last = events
    assert isinstance(last, Finished)
    return last.record


@pytest.fixture(scope="module")
def runner_on(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Runner]]:
    """`runner_on("gpt2")` runs trials on a tiny base of that family."""
    with ExitStack() as opened_runners:

        @cache
        def made(family: str) -> Runner:
            run = tmp_path_factory.mktemp("run")
            study = opened(str(tiny(family)), run, prepare(labelled_rows(), run / "data"))
            return opened_runners.enter_context(Runner(run, study.conditions))

        yield made


@pytest.mark.parametrize(
    ("family", "method"),
    [
        pytest.param(family, method, marks=() if (family, method) in QUICK else pytest.mark.grid)
        for family in FAMILIES
        for method in [*METHODS, "peft.loha(r=2)", *(CHAINS if family == "sentence-bert" else [])]
        if (family, method) not in REFUSED
    ],
)
def test_every_method_is_read_back_in_a_fresh_process(runner_on: Callable[[str], Runner], family: str, method: str) -> None:
    record = last_record(runner_on(family).run(final(method, steps=40 if method in CHAINS else 4)))  # one label for all ends a chain
    assert record.status in ("ok", "one_class"), record.reason
    assert "reloaded in a fresh process" in record.notes[-1]


def test_so_is_the_part_of_each_task_of_a_mixture(mixture_of: Callable[..., Mixture]) -> None:
    mixture = mixture_of("mood", "slots")
    with Runner(mixture.run, mixture.blend) as found:
        record = last_record(found.run(final("lora(rank=2)")))
        for member in mixture.members:
            part = TrialRecord.model_validate_json((member.context.run / "trials" / record.digest / "record.json").read_bytes())
            assert any("reloaded in a fresh process" in note for note in part.notes), part.reason


@pytest.mark.parametrize(("value", "said"), [(0.5, "its logits differ by up to 0."), (float("nan"), "finite")])
def test_a_file_that_is_not_what_was_trained_fails_the_trial(
    context: Context, monkeypatch: pytest.MonkeyPatch, value: float, said: str
) -> None:
    def otherwise(network: Any, adaptation: Any, base: Any, folder: Path) -> None:
        write_delta(network, adaptation, base, folder)
        with torch.no_grad():
            network.head.bias += value
            write_delta(network, adaptation, base, folder)
            network.head.bias -= value

    monkeypatch.setattr(results, "write_delta", otherwise)
    job = final("head", seed=7)
    record = last_record(run_trial(context.of(job), job))
    assert record.status == "failed"
    assert record.reason is not None
    assert said in record.reason, record.reason


class Forgotten:
    """What a child did and no other process may know."""

    trained = False


def test_the_clean_process_knows_nothing_of_the_one_that_asks(tmp_path: Path) -> None:
    def train(ask: Ask) -> None:
        Forgotten.trained = True
        answers = [ask({"n": n}) for n in range(3)]
        (tmp_path / "seen").write_text(f"{answers} {os.getpid()}")

    code = fork_job(tmp_path / "log", train, lambda request: {"n": request["n"], "trained": Forgotten.trained, "pid": os.getpid()})
    seen = (tmp_path / "seen").read_text()
    assert code == 0
    assert seen.count("'trained': False") == 3
    pids = {*(word.strip("}],") for word in seen.split() if word.strip("}],").isdigit()), str(os.getpid())} - {"0", "1", "2"}
    assert len(pids) == 5, "the child, three clean ones, this one"
    assert not Forgotten.trained


def killed(_: Request) -> Request:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def crashed(_: Request) -> Request:
    raise RuntimeError("no room")


@pytest.mark.parametrize(
    ("clean", "code", "said"),
    [(killed, -9, "ended by SIGKILL (usually the system ran out of memory: this holds"), (crashed, 1, "ended with code 1")],
)
def test_a_clean_process_that_dies_is_told(context: Context, tmp_path: Path, clean: Any, code: int, said: str) -> None:
    def train(ask: Ask) -> None:
        found = _asked(ask, context.run, context.conditions, final("head"), tmp_path)
        (tmp_path / "seen").write_text(f"{ask({})} {found.problem}")

    assert fork_job(tmp_path / "log", train, clean) == 0
    assert str({"code": code}) in (tmp_path / "seen").read_text()
    assert said in (tmp_path / "seen").read_text()
    assert ("no room" in (tmp_path / "log").read_text()) == (clean is crashed)


def test_a_child_that_dies_while_it_waits_leaves_its_code(tmp_path: Path) -> None:
    def train(ask: Ask) -> None:
        ask({"pid": os.getpid()})

    def ends_it(request: Request) -> Request:
        os.kill(request["pid"], signal.SIGKILL)
        return {}

    assert fork_job(tmp_path / "log", train, ends_it) == -signal.SIGKILL
