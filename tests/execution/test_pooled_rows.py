"""Windows of a row: one answer for the row, the same by every way through the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from leantune.core.study import Job
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.feed import FeatureFeed, TokenFeed, kept_features, means_of_rows, pooled
from leantune.models.build import build_network
from leantune.models.network import of_rows

MakeJob = Callable[..., Job]


def in_windows(context: Context, long: str) -> Context:
    return Context(context.run, context.conditions.model_copy(update={"long": long, "max_length": 8}))


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_stored_windows_give_the_logits_of_the_long_way_and_of_prediction(context: Context, pool: str, tmp_path: Path) -> None:
    own = in_windows(context, f"windows(stride=2, pool={pool})")
    encoded = own.encoded("train")
    assert len(encoded) > len(encoded.units)
    network = build_network(replace(own.base, pooling="mean"), own.head, seed=1).eval()
    assert network.head is not None
    states = kept_features(pooled(network.body, "mean"), encoded.lengths, partial(own.batch, "train"), tmp_path / "states.npy").states
    short = FeatureFeed(network.head, states, partial(own.targets_of, "train"), partial(own.pooled, "train"), own.device)
    long = TokenFeed(network, partial(own.batch, "train", targets=True), own.precision, own.task.sought)
    rows = np.random.default_rng(0).permutation(len(encoded.units))[:12]
    pieces = encoded.units.pieces(rows)
    with torch.no_grad():
        (stored, targets), (whole, others) = short(pieces), long(pieces)
        alone = torch.stack([long(encoded.units.pieces(np.array([row])))[0][0] for row in rows])
    assert torch.allclose(stored, whole, atol=1e-5)
    assert torch.allclose(alone, whole, atol=1e-5)
    assert torch.equal(targets, others)
    assert targets.tolist() == np.asarray(own.gold["train"])[rows].tolist()
    predicted = own.predict(network, "train")
    assert len(predicted.predicted) == len(encoded.units)
    assert np.asarray(predicted.predicted)[rows].tolist() == whole.argmax(dim=1).tolist()
    if pool == "mean":
        with torch.no_grad():
            means = network.head(torch.from_numpy(means_of_rows(states, encoded.units)[rows]))
        assert torch.allclose(means, whole, atol=1e-5), "the mean of logits is the logit of the mean"


def test_logits_of_rows_and_their_gradients() -> None:
    logits = torch.tensor([[1.0, 4.0], [3.0, 0.0], [5.0, 6.0]], requires_grad=True)
    owners = torch.tensor([0, 0, 1])
    assert of_rows(logits, owners, peak=False).tolist() == [[2.0, 2.0], [5.0, 6.0]]
    assert of_rows(logits, owners, peak=True).tolist() == [[3.0, 4.0], [5.0, 6.0]]
    of_rows(logits, owners, peak=True)[0].sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]


def test_training_draws_the_same_windows_for_the_same_seed(context: Context, job: MakeJob) -> None:
    own = in_windows(context, "windows(stride=1, most=1)")

    def first_losses(seed: int) -> list[float]:
        one = job("full", seed=seed)
        with torch.no_grad():
            setup = setup_of(own, one, attach(own, job("full")))
            return [float(loss) for drawn in islice(setup.batches(), 3) for loss, _ in drawn.losses(range(1), 1)]

    assert first_losses(1) == first_losses(1)
    assert first_losses(1) != first_losses(2)
