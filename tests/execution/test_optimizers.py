"""Optimisers and schedules by name: every one works, and rates and weight decay go where they belong."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from leantune.core.errors import SpecError
from leantune.core.records import Recipe
from leantune.execution.optimizers import SCHEDULES, build_optimizer, check_names, optimizer_names

HEADS = frozenset({"head.weight", "head.bias"})
STEPS, WARMUP = 40, 10


def network() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"body": nn.Linear(4, 4), "head": nn.Linear(4, 2)})


def recipe(**changes: object) -> Recipe:
    values: dict[str, object] = {"task": "classification", "method": "full", "lr": 1e-2, "steps": STEPS, "warmup": 0.0}
    return Recipe.build("full", values | changes)


def built(parts: nn.ModuleDict, made: Recipe) -> tuple[Optimizer, LRScheduler]:
    return build_optimizer(made, parts.named_parameters(), HEADS)


def rates(schedule: str, **changes: object) -> list[float]:
    """The rate of the body at each step and after the last one."""
    optimizer, scheduler = built(network(), recipe(schedule=schedule, warmup=WARMUP / STEPS, **changes))
    found = []
    for _ in range(STEPS + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("name", optimizer_names())
def test_every_optimizer_builds_and_goes_downhill(name: str) -> None:
    parts = network()
    optimizer, scheduler = built(parts, recipe(optimizer=name, weight_decay=0.01))
    inputs, gold = torch.randn(16, 4), torch.arange(16) % 2
    before = {key: value.detach().clone() for key, value in parts.named_parameters()}
    losses = []
    for _ in range(5):
        loss = nn.functional.cross_entropy(parts["head"](parts["body"](inputs)), gold)
        loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert not [key for key, value in parts.named_parameters() if torch.equal(value, before[key])]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_warms_up_evenly_to_the_rate_of_the_recipe(schedule: str) -> None:
    found = rates(schedule)
    assert found[: WARMUP + 1] == pytest.approx([1e-2 * step / WARMUP for step in range(WARMUP + 1)])
    assert max(found) == pytest.approx(1e-2)


@pytest.mark.parametrize(
    ("schedule", "half_way", "end"),
    [
        ("constant", 1.0, 1.0),
        ("linear", 0.5, 0.0),
        ("cosine", 0.5, 0.0),
        ("polynomial", 0.25, 0.0),
        ("inverse_sqrt", math.sqrt(WARMUP / 25), math.sqrt(WARMUP / STEPS)),
    ],
)
def test_every_schedule_ends_as_its_name_says(schedule: str, half_way: float, end: float) -> None:
    found = [rate / 1e-2 for rate in rates(schedule)]
    assert found[(WARMUP + STEPS) // 2] == pytest.approx(half_way)
    assert found[-1] == pytest.approx(end, abs=1e-9)


def test_no_two_schedules_are_the_same() -> None:
    found = {tuple(round(rate, 9) for rate in rates(schedule)) for schedule in SCHEDULES}
    assert len(found) == len(SCHEDULES)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_takes_a_tiny_rate(schedule: str) -> None:
    assert max(rates(schedule, lr=1e-9)) == pytest.approx(1e-9)


@pytest.mark.parametrize(("head_lr", "expected"), [(5e-2, 5e-2), (None, 1e-2)])
def test_the_head_has_its_own_rate_all_along(head_lr: float | None, expected: float) -> None:
    parts = network()
    optimizer, scheduler = built(parts, recipe(head_lr=head_lr))
    heads = {id(value) for value in parts["head"].parameters()}
    for step in range(3):
        for group in optimizer.param_groups:
            inside = {id(value) in heads for value in group["params"]}
            assert len(inside) == 1, "a group is of the head or of the body"
            assert group["lr"] == pytest.approx((expected if inside.pop() else 1e-2) * (1 - step / STEPS))
        optimizer.step()
        scheduler.step()


def test_matrices_get_weight_decay_and_vectors_do_not() -> None:
    """Without gradients weight decay is all that moves."""
    parts = network()
    before = {key: value.detach().clone() for key, value in parts.named_parameters()}
    optimizer, _ = built(parts, recipe(optimizer="adamw", lr=0.5, weight_decay=0.1))
    for value in parts.parameters():
        value.grad = torch.zeros_like(value)
    optimizer.step()
    for key, value in parts.named_parameters():
        shrunk = before[key] * (0.95 if key.endswith("weight") else 1.0)
        assert torch.allclose(value, shrunk), key


@pytest.mark.parametrize(
    ("optimizer", "schedule", "says"),
    [
        ("adamm", "linear", r'No optimizer "adamm"\. Closest: "adam'),
        ("lbfgs", "linear", 'No optimizer "lbfgs"'),
        ("adamw", "liner", r'No schedule "liner"\. Closest: "linear"'),
    ],
)
def test_unknown_names_are_told_with_the_nearest(optimizer: str, schedule: str, says: str) -> None:
    with pytest.raises(SpecError, match=says) as caught:
        check_names(optimizer, schedule)
    assert caught.value.code == "E-NAME"
    with pytest.raises(SpecError, match=says):
        built(network(), recipe(optimizer=optimizer, schedule=schedule))


def test_soft_tokens_have_their_own_rate_and_no_weight_decay() -> None:
    parts = nn.ModuleDict({"body": nn.Linear(4, 4), "soft": nn.Embedding(3, 4)})
    made = recipe(soft_lr=0.3, head_lr=0.2, weight_decay=0.01, schedule="constant")
    optimizer, _ = build_optimizer(made, parts.named_parameters(), frozenset(), frozenset({"soft.weight"}))
    found = {id(value): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for value in group["params"]}
    assert found[id(parts["soft"].weight)] == (0.3, 0.0)
    assert found[id(parts["body"].weight)] == (1e-2, 0.01)
