"""The training loop: when it ends, which weights it leaves, what a row weighs and what is never computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leantune.core.events import Evaluated, Event
from leantune.core.study import Job
from leantune.data.batches import training_batches
from leantune.data.units import Units
from leantune.execution.attach import attach, setup_of
from leantune.execution.context import Context
from leantune.execution.course import Setup
from leantune.execution.feed import FeatureFeed, Feed, TokenFeed
from leantune.execution.loop import BestLook, Diverged, fit
from leantune.kinds.task import Decoded
from leantune.models.network import Network

MakeJob = Callable[..., Job]


def setup(context: Context, job: Job) -> Setup:
    return setup_of(context, job, attach(context, job))


def fed(made: Setup, feed: object) -> Setup:
    return replace(made, objective=replace(made.objective, feed=feed))


def looks_of(events: list[Event]) -> list[Evaluated]:
    return [event for event in events if isinstance(event, Evaluated)]


def weights(network: Network) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@dataclass
class Script:
    """Looks at dev whose scores are written down; keeps the weights that each look saw."""

    network: Network
    scores: list[float]
    seen: list[dict[str, Tensor]] = field(default_factory=list)

    def look(self) -> Decoded:
        self.seen.append(weights(self.network))
        return Decoded(np.array([len(self.seen)]), np.ones(1, np.float32))

    def score(self, decoded: Decoded) -> float:
        return self.scores[int(decoded.predicted[0]) - 1]


def scripted(context: Context, job: Job, scores: list[float]) -> tuple[Setup, Script]:
    made = setup(context, job)
    script = Script(made.network, scores)
    return replace(made, look=script.look, score=script.score, tokens=None), script  # whole tables, so that names stay


@dataclass
class Watched:
    """A feed that notes the rows it was asked for."""

    feed: Feed
    asked: list[NDArray[np.int64]] = field(default_factory=list)

    def __call__(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        self.asked.append(rows)
        return self.feed(rows)


@pytest.mark.parametrize(
    ("scores", "patience", "looks"),
    [
        ([0.5, 0.6, 0.6, 0.4, 0.9], 2, 4),
        ([0.5, 0.4, 0.3, 0.2, 0.1], 3, 4),
        ([0.5, 0.4, 0.6, 0.4, 0.7], 2, 5),
        ([0.5, 0.5, 0.9, 0.9, 0.9], 1, 2),
    ],
)
def test_training_stops_after_patience_looks_without_a_better_score(
    context: Context, job: MakeJob, scores: list[float], patience: int, looks: int
) -> None:
    made, _ = scripted(context, job("head", steps=10, evaluations=5, patience=patience), scores)
    found = looks_of(list(fit(made, BestLook())))
    assert [event.point.step for event in found] == [2, 4, 6, 8, 10][:looks]
    assert [event.best for event in found] == [score > max([0.0, *scores[:place]]) for place, score in enumerate(scores[:looks])]


def test_looks_are_evenly_spaced_and_the_last_step_has_one(context: Context, job: MakeJob) -> None:
    for steps, evaluations, expected in ((7, 3, [2, 5, 7]), (3, 8, [1, 2, 3]), (5, 1, [5])):
        made, _ = scripted(context, job("head", steps=steps, evaluations=evaluations), [0.1 * look for look in range(1, 9)])
        assert [event.point.step for event in looks_of(list(fit(made, BestLook())))] == expected


@pytest.mark.parametrize("method", ["full", "head", "lora(rank=2)"])
def test_the_best_weights_and_their_predictions_are_left(context: Context, job: MakeJob, method: str) -> None:
    made, script = scripted(context, job(method, steps=8, evaluations=4), [0.5, 0.9, 0.9, 0.1])
    best = BestLook()
    list(fit(made, best))
    assert same(weights(made.network), script.seen[1]), "the first of two equal scores"
    assert not same(script.seen[1], script.seen[3]), "training went on"
    assert best.best.predicted.tolist() == [2]


@pytest.mark.parametrize(("added", "loss"), [((math.nan, 0.0), "nan"), ((-math.inf, 0.0), "inf")])
def test_a_loss_that_is_not_finite_ends_the_loop_with_step_and_rate(
    context: Context, job: MakeJob, added: tuple[float, float], loss: str
) -> None:
    made = setup(context, job("head", steps=6, lr=0.03))
    watched = Watched(made.objective.feed)

    def feed(rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        logits, targets = watched(rows)
        return (logits + torch.tensor(added) if len(watched.asked) == 3 else logits), targets

    with pytest.raises(Diverged, match=rf"the loss became {loss} at step 3 \(learning rate 0\.03\)"):
        list(fit(fed(made, feed), BestLook()))
    assert len(watched.asked) == 3
    assert all(value.isfinite().all() for value in weights(made.network).values()), "no weight was reached by it"


@pytest.mark.parametrize(
    ("method", "entering"),
    [("full", True), ("bitfit", True), ("last_layers(1)", False), ("lora(rank=2, layers=-1)", False), ("last_layers(2)", True)],
)
def test_nothing_is_computed_backwards_below_the_lowest_trained_layer(context: Context, job: MakeJob, method: str, entering: bool) -> None:
    made = setup(context, job(method, steps=2))
    last = made.network.anatomy.blocks[-1]
    (block,) = [part for path, part in made.network.body.named_modules() if path == last or path.endswith(f".{last}")]
    seen: list[tuple[bool, bool]] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor | tuple[Tensor, ...]) -> None:
        states = output if isinstance(output, Tensor) else output[0]
        if torch.is_grad_enabled():
            seen.append((inputs[0].requires_grad, states.requires_grad))

    block.register_forward_hook(note)
    list(fit(made, BestLook()))
    assert seen == [(entering, True)] * 2


def test_a_trained_head_alone_runs_no_body_at_all(context: Context, job: MakeJob) -> None:
    made = setup(context, job("head", steps=3))
    ran: list[nn.Module] = []
    made.network.body.register_forward_hook(lambda body, *_: ran.append(body))
    list(fit(made, BestLook()))
    assert not ran
    assert isinstance(made.objective.feed, FeatureFeed)
    assert isinstance(setup(context, job("full")).objective.feed, TokenFeed)


def test_rows_weigh_the_same_in_batches_of_different_size(context: Context, job: MakeJob) -> None:
    """At a rate of almost nothing the gradients of an epoch add up to the gradient of the sum over all rows."""
    rows = 8
    made = setup(context, job("head", lr=1e-12, batch_rows=rows, clip=1e9))
    head = made.network.head
    assert head is not None
    lengths = np.where(np.arange(len(made.units)) % 3 == 0, 40, 8)
    epoch, seen = training_batches(lengths, rows=rows, seed=1), list[int]()
    while sum(seen) < len(lengths):
        seen.append(len(next(epoch)))
    assert len(set(seen)) > 1
    total = torch.zeros_like(head.weight)

    def add(step: int) -> None:
        assert head.weight.grad is not None
        total.add_(head.weight.grad)

    adaptation = replace(made.adaptation, after_step=add)
    recipe = made.recipe.model_copy(update={"steps": len(seen)})
    everything = np.arange(len(lengths))
    (expected,) = torch.autograd.grad(made.objective(everything) * len(lengths), [head.weight])
    list(fit(replace(made, units=Units.single(lengths), adaptation=adaptation, recipe=recipe), BestLook()))
    assert torch.allclose(total * rows, expected, atol=1e-4)


def test_the_loss_of_a_look_is_the_mean_since_the_last_one(context: Context, job: MakeJob) -> None:
    """Per row, whatever the batch's size: with logits of zero it is log(2)."""
    made = setup(context, job("head", steps=4, evaluations=2, lr=1e-12))
    assert made.network.head is not None
    nn.init.zeros_(made.network.head.weight)
    found = looks_of(list(fit(made, BestLook())))
    assert [event.point.train_loss for event in found] == pytest.approx([np.log(2)] * 2, abs=1e-5)


def test_the_order_of_the_rows_is_the_seeds_and_nothing_else(context: Context, job: MakeJob) -> None:
    def order(seed: int, method: str = "head") -> list[list[int]]:
        made = setup(context, job(method, steps=5, seed=seed))
        watched = Watched(made.objective.feed)
        torch.manual_seed(len(method))
        list(fit(fed(made, watched), BestLook()))
        return [rows.tolist() for rows in watched.asked]

    assert order(1) == order(1, "bitfit"), "the same for every method"
    assert order(1) != order(2)
