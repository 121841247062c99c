"""Feeds: the short way over stored states gives what the long way gives, and is paid for once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from leantune.core.events import Evaluated
from leantune.core.study import Job
from leantune.execution.context import Context
from leantune.execution.feed import FeatureFeed, TokenFeed, pooled_features
from leantune.execution.loop import BestLook, fit
from leantune.execution.trial import attach, setup_of
from leantune.models.base import build_network
from leantune.models.network import POOLINGS, Network

MakeJob = Callable[..., Job]


class Unused(nn.Module):
    """A body that must not be run."""

    def forward(self, **inputs: object) -> None:
        raise AssertionError("the body was run")


def network_of(context: Context, pooling: str) -> Network:
    base = replace(context.base, pooling=pooling)
    return build_network(base, labels=context.dataset.labels, outputs=2, seed=1).eval()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_stored_states_give_the_logits_of_the_long_way(context: Context, pooling: str, tmp_path: Path) -> None:
    network, encoded = network_of(context, pooling), context.encoded("train")
    features = pooled_features(network.body, pooling, encoded, context.inputs, tmp_path / "states.npy")
    assert network.head is not None
    short, long = FeatureFeed(network.head, features.states, context.device), TokenFeed(network, encoded, context.inputs)
    rows = np.random.default_rng(0).permutation(len(encoded))[:24]
    assert len(set(encoded.lengths[rows])) > 1
    with torch.no_grad():
        assert torch.allclose(short(rows), long(rows), atol=1e-5)
        assert not torch.allclose(short(rows), short(rows[::-1].copy()), atol=1e-3), "rows tell themselves apart"


def test_both_ways_have_gradients(context: Context, tmp_path: Path) -> None:
    network, encoded, rows = network_of(context, "mean"), context.encoded("train"), np.arange(4)
    features = pooled_features(network.body, "mean", encoded, context.inputs, tmp_path / "states.npy")
    assert network.head is not None
    for feed in (FeatureFeed(network.head, features.states, context.device), TokenFeed(network, encoded, context.inputs)):
        network.zero_grad()
        feed(rows).sum().backward()
        assert network.head.weight.grad is not None
        assert network.head.weight.grad.abs().sum() > 0


def test_stored_states_are_computed_once(context: Context, tmp_path: Path) -> None:
    encoded, path = context.encoded("train"), tmp_path / "cache" / "states.npy"
    first = pooled_features(network_of(context, "mean").body, "mean", encoded, context.inputs, path)
    written = path.stat().st_mtime_ns
    again = pooled_features(Unused(), "mean", encoded, context.inputs, path)
    assert path.stat().st_mtime_ns == written
    assert np.array_equal(first.states, again.states)
    assert again.seconds == first.seconds > 0, "every trial is charged what the first one spent"


def test_states_of_an_interrupted_run_are_computed_again(context: Context, tmp_path: Path) -> None:
    """The file of seconds is written last."""
    encoded, path, body = context.encoded("train"), tmp_path / "states.npy", network_of(context, "mean").body
    whole = np.array(pooled_features(body, "mean", encoded, context.inputs, path).states)
    np.save(path, np.zeros((2, 2), dtype=np.float32))
    path.with_suffix(".seconds").unlink()
    assert np.allclose(pooled_features(body, "mean", encoded, context.inputs, path).states, whole, atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_seconds_of_stored_states_are_charged_to_the_trial(context: Context, job: MakeJob) -> None:
    one = job("head", steps=2)
    attached = attach(context, one)
    context.features("train", attached.network.body, attached.network.pooling)
    (seconds,) = (context.run / "cache").glob("train-*.seconds")
    seconds.write_text("1000.0", encoding="utf-8")
    events = list(fit(setup_of(context, one, attached), BestLook()))
    assert [event.point.seconds > 1000 for event in events if isinstance(event, Evaluated)] == [True]
