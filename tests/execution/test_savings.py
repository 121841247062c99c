"""What each speed-up saves is measured by the same steps with and without it; only those that a method uses are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leantune.core.study import Job
from leantune.data.dataset import prepare
from leantune.execution import savings
from leantune.execution.context import Context
from leantune.execution.runner import Runner
from leantune.execution.savings import BODY, EMBEDDINGS, LAYERS, LENGTHS, PADDING, PARTS, PRODUCTS, TOP, Account, account
from studies_of_trials import changed, labelled_rows, opened

MakeJob = Callable[..., Job]


@pytest.mark.parametrize(
    ("method", "used"),
    [
        ("full", {LENGTHS, EMBEDDINGS}),
        ("lora(rank=2)", {LENGTHS}),
        ("last_layers(1)", {LENGTHS, LAYERS}),
        ("head", {BODY}),
        ("prototypes", {BODY}),
    ],
)
def test_what_a_method_uses(context: Context, job: MakeJob, method: str, used: set[str]) -> None:
    wanted = job(method, steps=40)
    found = account(context.of(wanted), wanted)
    assert set(found.without_ms) == used
    assert found.step_ms > 0


def test_products_are_measured_in_both_types(context: Context, job: MakeJob) -> None:
    wanted = job("lora(rank=2)", steps=40)
    in_bf16 = changed(context, precision="bf16")
    assert PRODUCTS in account(in_bf16.of(wanted), wanted).without_ms


def test_without_recall_nothing_is_read_back(context: Context, job: MakeJob) -> None:
    wanted = job("last_layers(1)", steps=40)
    anew = changed(context, recall=False)
    assert LAYERS not in account(anew.of(wanted), wanted).without_ms


@pytest.mark.parametrize(
    ("flag", "method", "left"),
    [
        ("group_by_length", "full", {PARTS, EMBEDDINGS}),
        ("in_parts", "full", {LENGTHS, EMBEDDINGS}),
        ("seen_embeddings", "full", {LENGTHS, PARTS}),
        ("recall", "head", {LENGTHS, PARTS}),
    ],
)
def test_what_is_turned_off_saves_nothing(
    context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch, flag: str, method: str, left: set[str]
) -> None:
    monkeypatch.setattr("leantune.execution.context.AT_ONCE", 2 * int(context.encoded("train").lengths.max()))
    wanted, without = job(method, steps=40), changed(context, **{flag: False})
    assert set(account(without.of(wanted), wanted).without_ms) == left


def test_layers_are_read_back_part_by_part(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leantune.execution.context.AT_ONCE", 2 * int(context.encoded("train").lengths.max()))
    wanted = job("last_layers(1)", steps=40)
    assert set(account(context.of(wanted), wanted).without_ms) == {LENGTHS, PARTS, LAYERS}


def test_padding_is_left_out_where_that_is_asked_for(context: Context, job: MakeJob) -> None:
    unpads = changed(context, unpad=True)
    for method, found in (("lora(rank=2)", {LENGTHS, PADDING}), ("last_layers(1)", {LENGTHS, LAYERS}), ("head", {BODY})):
        wanted = job(method, steps=40)
        assert set(account(unpads.of(wanted), wanted).without_ms) == found, method


def test_the_last_layer_works_on_few_tokens_where_the_head_reads_few(tiny: Callable[[str], Path], tmp_path: Path, job: MakeJob) -> None:
    found, wanted = opened(str(tiny("bert")), tmp_path, prepare(labelled_rows(), tmp_path / "data")), job("last_layers(1)", steps=40)
    whole = changed(found, narrow=False)
    assert set(account(found.of(wanted), wanted).without_ms) == {LENGTHS, LAYERS, TOP}
    assert set(account(whole.of(wanted), wanted).without_ms) == {LENGTHS, LAYERS}


def test_the_share_is_that_of_the_slower_step() -> None:
    found = Account(name="full", step_ms=30.0, without_ms={LENGTHS: 40.0})
    assert found.saved(LENGTHS) == pytest.approx(0.25)
    assert found.saved(PRODUCTS) is None


def test_the_ways_take_turns(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[Any] = []
    monkeypatch.setattr(savings._Steps, "seconds", lambda self, way: order.append(way) or float(len(order)))
    wanted = job("full", steps=40)
    found = account(context.of(wanted), wanted)
    ways = order[:3]
    assert [order[turn : turn + 3] for turn in (0, 3, 6)] == [ways] * savings.ROUNDS
    assert (found.step_ms, found.without_ms) == (4e3, {LENGTHS: 5e3, EMBEDDINGS: 6e3}), "medians over rounds"


def test_a_worker_measures_it_and_a_crash_is_none(context: Context, job: MakeJob) -> None:
    with Runner(context.run, context.conditions) as runner:
        found = runner.account(job("head"))
        assert found is not None
        assert set(found.without_ms) == {BODY}
        assert runner.account(job("head").model_copy(update={"expression": "no_method"})) is None
