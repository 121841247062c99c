"""Each speed-up can be turned off, and what is learned stays the same where the arithmetic is the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from leantune.core.study import Job
from leantune.execution import probe
from leantune.execution.attach import attach, predictor_of, setup_of
from leantune.execution.context import Context
from leantune.execution.feed import FeatureFeed, TokenFeed
from leantune.models.seen_rows import SeenRows
from studies_of_trials import changed, train_losses, trained

MakeJob = Callable[..., Job]


def assert_same_training(one: Context, other: Context, job: Job) -> None:
    (weights, before), (found, after) = trained(one, job), trained(other, job)
    for name, value in weights.items():
        assert torch.allclose(value, found[name], atol=1e-5), name
    assert np.allclose(train_losses(before), train_losses(after), atol=1e-5)


def counted(context: Context, job: Job, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each part of a training."""
    sizes, way = list[int](), TokenFeed.__call__
    monkeypatch.setattr(TokenFeed, "__call__", lambda feed, pieces: sizes.append(len(pieces)) or way(feed, pieces))
    trained(context, job)
    return sizes


def test_batches_hold_rows_as_they_come(context: Context, job: MakeJob) -> None:
    wanted = job("full", batch_rows=8)
    mixed = changed(context, group_by_length=False)
    setup = setup_of(mixed, wanted, attach(mixed, wanted))
    drawn = list(islice(setup.batches(), 4))
    assert [batch.rows for batch in drawn] == [8] * 4
    alike = list(islice(setup_of(context, wanted, attach(context, wanted)).batches(), 40))
    assert np.mean([batch.tokens / batch.rows for batch in drawn]) > np.mean([batch.tokens / batch.rows for batch in alike])


def test_a_step_is_taken_whole(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leantune.execution.context.AT_ONCE", 2 * int(context.encoded("train").lengths.max()))
    wanted, whole = job("full", batch_rows=8, optimizer="sgd"), changed(context, in_parts=False)
    assert len(counted(context, wanted, monkeypatch)) > len(counted(whole, wanted, monkeypatch)) == wanted.recipe.steps
    assert_same_training(context, whole, wanted)


def test_all_embeddings_are_given_to_the_optimiser(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    tables, way = set[type](), TokenFeed.__call__

    def seen(feed: TokenFeed, pieces: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        tables.add(type(feed.network.body.get_input_embeddings()))
        return way(feed, pieces)

    monkeypatch.setattr(TokenFeed, "__call__", seen)
    wanted, whole = job("full", optimizer="sgd"), changed(context, seen_embeddings=False)
    trained(context, wanted)
    assert tables == {SeenRows}
    tables.clear()
    trained(whole, wanted)
    assert tables == {nn.Embedding}
    assert_same_training(context, whole, wanted)


def test_the_body_is_computed_in_every_step_below_a_head(context: Context, job: MakeJob) -> None:
    wanted, anew = job("head", optimizer="sgd"), changed(context, recall=False)
    ways = [setup_of(one, wanted, attach(one, wanted)).objective.feed for one in (context, anew)]
    assert [type(way) for way in ways] == [FeatureFeed, TokenFeed]
    (weights, before), (found, after) = trained(context, wanted), trained(anew, wanted)
    assert np.isfinite(train_losses(before) + train_losses(after)).all()
    head = attach(context, wanted).network.head
    assert head is not None
    for name, value in weights.items():
        assert torch.allclose(value, found[name], atol=1e-4), name
    assert not torch.equal(found["head.weight"], head.weight), "it has learned"


def test_a_computed_head_has_no_other_way(context: Context, job: MakeJob) -> None:
    anew = changed(context, recall=False)
    setup = setup_of(anew, job("prototypes"), attach(anew, job("prototypes")))
    assert isinstance(setup.objective.feed, FeatureFeed)


def test_predictions_are_computed_by_the_body(context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, way = list[str](), Context.predict
    monkeypatch.setattr(Context, "predict", lambda self, network, split, *rest: asked.append(split) or way(self, network, split, *rest))
    stored = predictor_of(context, attach(context, job("head")))("dev")
    assert asked == []
    computed = predictor_of(changed(context, recall=False), attach(context, job("head")))("dev")
    assert asked == ["dev"]
    assert list(stored.predicted) == list(computed.predicted)
    assert np.allclose(stored.confidence, computed.confidence, atol=1e-5)


@pytest.mark.parametrize("alike", [True, False])
def test_the_plan_takes_the_steps_that_the_training_takes(
    context: Context, job: MakeJob, monkeypatch: pytest.MonkeyPatch, alike: bool
) -> None:
    seen, way = list[np.ndarray](), probe.timed_step
    monkeypatch.setattr(probe, "timed_step", lambda *given: seen.append(np.concatenate(given[3])) or way(*given))
    probe.probe(changed(context, group_by_length=alike), job("full", batch_rows=8))
    lengths = context.encoded("train").lengths
    spread = max(int(np.ptp(lengths[pieces])) for pieces in seen[1:])
    assert (spread <= 1) is alike
    assert len(seen[0]) == (2 if alike else 8), "the longest rows"
