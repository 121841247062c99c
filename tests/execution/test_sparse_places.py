"""Sparse fine-tuning: what is trained are the entries that the rule names, and nothing else ever changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from leantune.core.study import Job
from leantune.execution.attach import attach, setup_of
from leantune.execution.choosing import FISHER_ROWS, Choosing
from leantune.execution.context import Context
from leantune.execution.loop import BestLook, fit
from leantune.models.build import build_network
from leantune.models.delta import merged
from leantune.models.differences import BETA, GAMMA, ZETA, Difference, differing, penalty
from leantune.models.network import Network

SITE = "encoder.layer.1.attention.self.value.weight"


def choosing(context: Context, network: Network, seed: int = 1) -> Choosing:
    return Choosing(context, network, seed=seed, batch_rows=8, head_lr=1e-2)


@pytest.mark.parametrize("by", ["magnitude", "fisher"])
def test_the_named_entries_alone_are_trained(context: Context, job: Callable[..., Job], by: str) -> None:
    one = job(f"sparse(rank=2, by={by})")
    fresh = build_network(context.base, context.head, seed=one.seed)
    before = fresh.body.get_parameter(SITE).detach().clone()
    score = before.abs() if by == "magnitude" else choosing(context, fresh, one.seed).fisher([SITE])[0]
    attached = attach(context, one)
    list(fit(setup_of(context, one, attached), BestLook()))
    plain = merged(attached.network.body)
    assert plain is not None
    changed = (plain.get_parameter(SITE) != before).flatten().nonzero().flatten()
    expected = score.flatten().topk(2 * (32 + 32)).indices.sort().values
    assert torch.equal(changed, expected)


def test_fisher_is_the_mean_of_squared_gradients_of_single_rows(context: Context) -> None:
    network = build_network(context.base, context.head, seed=1).eval()
    found = choosing(context, network).fisher([SITE])[0]
    rows = np.random.default_rng([1, 5]).permutation(len(context.encoded("train")))[:FISHER_ROWS]
    total = torch.zeros_like(found)
    for row in rows:
        network.zero_grad()
        batch = context.batch("train", np.array([row]), targets=True)
        torch.nn.functional.cross_entropy(network(batch), batch.targets).backward()
        total += network.body.get_parameter(SITE).grad ** 2
    torch.testing.assert_close(found, total / len(rows))


def test_diff_pruning_takes_what_a_dense_update_would_change_most(context: Context, job: Callable[..., Job]) -> None:
    one = job("sparse(rank=2, by=diff)", steps=8)
    fresh = build_network(context.base, context.head, seed=one.seed)
    before = {name: value.detach().clone() for name, value in fresh.state_dict().items()}
    found = choosing(context, fresh, one.seed)
    with differing([fresh.body.get_submodule(SITE.removesuffix(".weight"))]) as differences:
        rates = [([difference.values for difference in differences], 1e-3), ([difference.odds for difference in differences], 5e-2)]
        found.rehearse(rates, lambda: penalty(differences), 4)
        worth = differences[0].worth()
        assert worth.count_nonzero() > worth.numel() / 2, "it has learned something"
    assert found.seconds > 0
    after = fresh.state_dict()
    assert set(after) == set(before)
    assert all(torch.equal(after[name], value) for name, value in before.items()), "nothing is left of it, in body or head"

    attached = attach(context, one)
    assert attached.seconds > 0
    assert setup_of(context, one, attached).seconds >= attached.seconds
    list(fit(setup_of(context, one, attached), BestLook()))
    plain = merged(attached.network.body)
    assert plain is not None
    changed = (plain.get_parameter(SITE) != before[f"body.{SITE}"]).sum()
    assert 0 < changed <= 2 * (32 + 32)


def test_the_chosen_entries_are_the_worthiest(context: Context, job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    worth = torch.arange(32 * 32).flip(0).view(32, 32).float()
    monkeypatch.setattr(Difference, "worth", lambda _: worth)
    attached = attach(context, job("sparse(rank=2, by=diff)", steps=2))
    places = attached.network.body.base_model.model.encoder.layer[1].attention.self.value.shira_indices["default"]
    assert sorted((places[0] * 32 + places[1]).tolist()) == list(range(2 * (32 + 32)))


def test_gates_are_hard_concrete() -> None:
    one = Difference(torch.zeros(3, 4))
    with torch.no_grad():
        one.values.fill_(2.0)
        one.odds.copy_(torch.linspace(-8, 8, 12).view(3, 4))
    odds = one.odds.detach().double().numpy()
    chance = 1 / (1 + np.exp(-odds / BETA))
    expected = 2.0 * np.clip(chance * (ZETA - GAMMA) + GAMMA, 0, 1)
    np.testing.assert_allclose(one.worth().numpy(), expected, atol=1e-6)
    torch.manual_seed(0)
    drawn = torch.stack([one(torch.zeros(3, 4)) for _ in range(4000)])
    np.testing.assert_allclose((drawn != 0).double().mean(dim=0).numpy(), one.opened().detach().numpy(), atol=0.03)
    assert float(penalty([one]).detach()) == pytest.approx(1.25e-7 * float(one.opened().sum()))
