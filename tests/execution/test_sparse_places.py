"""Sparse fine-tuning: what is trained are the entries that the rule names, and nothing else ever changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from leantune.core.study import Job
from leantune.execution.attach import FISHER_ROWS, attach, setup_of, squared_gradients
from leantune.execution.context import Context
from leantune.execution.loop import BestLook, fit
from leantune.models.build import build_network
from leantune.models.delta import merged

SITE = "encoder.layer.1.attention.self.value.weight"


@pytest.mark.parametrize("by", ["magnitude", "fisher"])
def test_the_named_entries_alone_are_trained(context: Context, job: Callable[..., Job], by: str) -> None:
    one = job(f"sparse(rank=2, by={by})")
    fresh = build_network(context.base, context.head, seed=one.seed)
    before = fresh.body.get_parameter(SITE).detach().clone()
    score = before.abs() if by == "magnitude" else squared_gradients(context, fresh, one.seed, [SITE])[0]
    attached = attach(context, one)
    list(fit(setup_of(context, one, attached), BestLook()))
    plain = merged(attached.network.body)
    assert plain is not None
    changed = (plain.get_parameter(SITE) != before).flatten().nonzero().flatten()
    expected = score.flatten().topk(2 * (32 + 32)).indices.sort().values
    assert torch.equal(changed, expected)


def test_fisher_is_the_mean_of_squared_gradients_of_single_rows(context: Context) -> None:
    network = build_network(context.base, context.head, seed=1).eval()
    found = squared_gradients(context, network, 1, [SITE])[0]
    rows = np.random.default_rng([1, 5]).permutation(len(context.encoded("train")))[:FISHER_ROWS]
    total = torch.zeros_like(found)
    for row in rows:
        network.zero_grad()
        batch = context.batch("train", np.array([row]), targets=True)
        torch.nn.functional.cross_entropy(network(batch), batch.targets).backward()
        total += network.body.get_parameter(SITE).grad ** 2
    torch.testing.assert_close(found, total / len(rows))
