"""Gates of movement pruning against the paper's formulas, and the proximal step against its closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from leantune.models.gates import PULL, TAU, gate, soft_threshold, ungate

PARTS = [(nn.Linear(8, 6), None), (nn.Linear(8, 6), 1), (nn.Linear(8, 6), 4), (Conv1D(6, 8), 2)]


@pytest.mark.parametrize(("part", "group"), PARTS)
@pytest.mark.parametrize("soft", [True, False])
def test_at_the_start_everything_is_on(part: nn.Module, group: int | None, *, soft: bool) -> None:
    before: Tensor = part.weight.detach().clone()  # type: ignore[union-attr, operator, assignment]
    found = gate(part, group, soft=soft)
    assert bool(found.mask().all())
    assert torch.equal(part.weight, before)  # type: ignore[arg-type]
    ungate([part])
    assert torch.equal(part.weight, before)  # type: ignore[arg-type]


def test_a_soft_score_is_off_at_the_threshold_and_below() -> None:
    found = gate(nn.Linear(400, 1, bias=False), 1, soft=True)
    edge = math.log(TAU / (1 - TAU))
    found.scores.data = torch.where(torch.arange(400) % 4 == 0, edge + 1e-3, edge - 1e-3)
    assert torch.equal(found.mask().bool(), torch.arange(400) % 4 == 0)


@pytest.mark.parametrize(("group", "entries"), [(None, 1), (1, 6), (4, 24)])
def test_the_pull_on_a_score_is_that_on_all_entries_that_it_switches(group: int | None, entries: int) -> None:
    """400 times the mean of sigmoid(S) over the 85 million weights of BERT base, for each entry."""
    found = gate(nn.Linear(8, 6), group, soft=True)
    found.scores.data.uniform_(-2, 2)
    (gradient,) = torch.autograd.grad(found.pull(), found.scores)
    on = found.scores.detach().sigmoid()
    torch.testing.assert_close(found.pull().detach(), PULL * entries * on.sum())
    torch.testing.assert_close(gradient, PULL * entries * on * (1 - on))
    assert pytest.approx(4.7e-6, rel=0.01) == PULL


def test_the_proximal_step_solves_what_it_is_said_to_solve() -> None:
    """argmin over v of (v - w)^2 / 2 + threshold * |v|, by its closed form and by search."""
    weight, threshold = torch.tensor([-0.3, -0.1, -0.02, 0.0, 0.05, 0.1, 0.4]), 0.1
    found = soft_threshold(weight, threshold)
    torch.testing.assert_close(found, weight.sign() * (weight.abs() - threshold).clamp(min=0))
    assert torch.equal(found == 0, weight.abs() <= threshold)
    grid = torch.linspace(-0.5, 0.5, 10_001)
    costs = (grid - weight.unsqueeze(1)) ** 2 / 2 + threshold * grid.abs()
    torch.testing.assert_close(found, grid[costs.argmin(dim=1)], atol=1e-4, rtol=0)
