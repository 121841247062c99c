"""Feeds: the short way over stored states gives what the long way gives, and is paid for once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from leantune.core.events import Evaluated
from leantune.core.study import Job
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.course import Setup
from leantune.execution.feed import FeatureFeed, TokenFeed, kept_features, pooled
from leantune.execution.loop import BestLook, fit
from leantune.models.build import build_network
from leantune.models.network import POOLINGS, Network

MakeJob = Callable[..., Job]


def fed(made: Setup, feed: object) -> Setup:
    return replace(made, objective=replace(made.objective, feed=feed))


class Unused(nn.Module):
    """A body that must not be run."""

    def forward(self, **inputs: object) -> None:
        raise AssertionError("the body was run")


def network_of(context: Context, pooling: str) -> Network:
    base = replace(context.base, pooling=pooling)
    return build_network(base, context.head, seed=1).eval()


def short_way(context: Context, head: nn.Linear, states: np.ndarray) -> FeatureFeed:
    return FeatureFeed(head, states, partial(context.targets, "train"), partial(context.pooled, "train"), context.device)


def long_way(context: Context, network: Network) -> TokenFeed:
    return TokenFeed(network, partial(context.batch, "train", targets=True), context.precision, context.task.sought)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_stored_states_give_the_logits_of_the_long_way(context: Context, pooling: str, tmp_path: Path) -> None:
    network, encoded = network_of(context, pooling), context.encoded("train")
    features = kept_features(pooled(network.body, pooling), encoded.lengths, partial(context.batch, "train"), tmp_path / "states.npy")
    assert network.head is not None
    short, long = short_way(context, network.head, features.states), long_way(context, network)
    rows = np.random.default_rng(0).permutation(len(encoded))[:24]
    assert len(set(encoded.lengths[rows])) > 1
    with torch.no_grad():
        assert torch.allclose(short(rows)[0], long(rows)[0], atol=1e-5)
        assert torch.equal(short(rows)[1], long(rows)[1])
        assert not torch.allclose(short(rows)[0], short(rows[::-1].copy())[0], atol=1e-3), "rows tell themselves apart"


def test_both_ways_have_gradients(context: Context, tmp_path: Path) -> None:
    network, encoded, rows = network_of(context, "mean"), context.encoded("train"), np.arange(4)
    features = kept_features(pooled(network.body, "mean"), encoded.lengths, partial(context.batch, "train"), tmp_path / "states.npy")
    assert network.head is not None
    for feed in (short_way(context, network.head, features.states), long_way(context, network)):
        network.zero_grad()
        feed(rows)[0].sum().backward()
        assert network.head.weight.grad is not None
        assert network.head.weight.grad.abs().sum() > 0


def test_stored_states_are_computed_once(context: Context, tmp_path: Path) -> None:
    encoded, path = context.encoded("train"), tmp_path / "cache" / "states.npy"
    first = kept_features(pooled(network_of(context, "mean").body, "mean"), encoded.lengths, partial(context.batch, "train"), path)
    written = path.stat().st_mtime_ns
    again = kept_features(pooled(Unused(), "mean"), encoded.lengths, partial(context.batch, "train"), path)
    assert path.stat().st_mtime_ns == written
    assert np.array_equal(first.states, again.states)
    assert again.seconds == first.seconds > 0, "every trial is charged what the first one spent"


def test_states_of_an_interrupted_run_are_computed_again(context: Context, tmp_path: Path) -> None:
    """The file of seconds is written last."""
    encoded, path, body = context.encoded("train"), tmp_path / "states.npy", network_of(context, "mean").body
    whole = np.array(kept_features(pooled(body, "mean"), encoded.lengths, partial(context.batch, "train"), path).states)
    np.save(path, np.zeros((2, 2), dtype=np.float32))
    path.with_suffix(".seconds").unlink()
    assert np.allclose(kept_features(pooled(body, "mean"), encoded.lengths, partial(context.batch, "train"), path).states, whole, atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_seconds_of_stored_states_are_charged_to_the_trial(context: Context, job: MakeJob) -> None:
    one = job("head", steps=2)
    attached = attach(context, one)
    context.features("train", attached.network.eval().embed, attached.network.pooling)
    (seconds,) = (context.run / "cache").glob("train-*.seconds")
    seconds.write_text("1000.0", encoding="utf-8")
    events = list(fit(setup_of(context, one, attached), BestLook()))
    assert [event.point.seconds > 1000 for event in events if isinstance(event, Evaluated)] == [True]


def test_options_of_a_row_stay_together_on_both_ways(context_of: Callable[..., Context], job: MakeJob) -> None:
    """Rows of two to four options: stored states give the logits and targets of the long way, and batches hold whole rows."""
    colours = ["red", "blue", "one", "two"]
    rows = [{"text": f"what card {number}", "choices": colours[: 2 + number % 3], "label": number % 2} for number in range(60)]
    context, one = context_of(rows), job("head", task="choice", steps=3)
    made = setup_of(context, one, attach(context, one))
    assert isinstance(made.objective.feed, FeatureFeed)
    chosen = np.array([5, 0, 7])
    pieces = made.units.pieces(chosen)
    owners = context.encoded("train").rows[pieces]
    assert list(dict.fromkeys(owners.tolist())) == chosen.tolist()
    (short, answers), (long, targets) = made.objective.feed(pieces), long_way(context, made.network)(pieces)
    assert torch.allclose(short, long, atol=1e-5)
    assert torch.equal(answers, targets)
    assert targets[:, 0].tolist() == [chosen.tolist().index(row) for row in owners]
    assert targets[:, 1].sum() == len(chosen)
    seen: list[list[int]] = []

    def feed(batch: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(context.encoded("train").rows[batch].tolist())
        return made.objective.feed(batch)

    list(fit(fed(made, feed), BestLook()))
    sizes = np.bincount(context.encoded("train").rows)
    assert len(seen) == 3
    assert all(batch.count(row) == sizes[row] for batch in seen for row in batch)
