"""Attach: from a job to a network with its method in it, and to what the training loop needs.

attached = attach(context, job)        setup = setup_of(context, job, attached)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.core.records import Decoding, Recipe
from leantune.core.study import Job
from leantune.data.units import Units
from leantune.execution.anchors import bank_in, begin_at, head_near_anchors, look_near_anchors, solver_of
from leantune.execution.choosing import Choosing
from leantune.execution.context import Context
from leantune.execution.course import Setup
from leantune.execution.feed import FeatureFeed, Feed, TokenFeed, Weighed
from leantune.execution.lecture import Taught
from leantune.execution.loop import only_the_head
from leantune.execution.narrowing import narrowing_in
from leantune.execution.objective import Contrast, Distilled, Objective, Supervised
from leantune.execution.recall import Recalled, recalled, recalled_at_looks
from leantune.execution.results import Attached
from leantune.execution.unpadding import unpadding_in
from leantune.kinds.method import parse_method
from leantune.kinds.solver import Solver
from leantune.kinds.task import Decoded
from leantune.models.adaptation import Target, penalised
from leantune.models.build import build_network
from leantune.models.heads import task_type
from leantune.models.network import ASKED, POOLINGS, Batch, Network
from leantune.models.verbalizer import drawn_back


def attach(context: Context, job: Job) -> Attached:
    """Build the network of a job and put its method in."""
    assert job.recipe is not None
    method = parse_method(job.expression).method
    network = build_network(context.base, context.head, seed=job.seed, prepends=method.card.parts_head, dropout=job.recipe.dropout)
    network.to(context.device)
    begin(context, network)
    bank = bank_in(context, network)
    if network.unit and not isinstance(method, Solver):
        begin_at(context, network, bank)
    inside = network.head is None or network.pooling == ASKED
    kind = task_type(context.head.kind, context.base.config) if inside else "FEATURE_EXTRACTION"
    recipe = job.recipe
    choosing = Choosing(context, network, seed=job.seed, batch_rows=recipe.batch_rows, head_lr=recipe.head_lr or recipe.lr)
    told = context.answer_words, context.base.numbers, choosing.fisher, choosing.rehearse
    target = Target(network.body, network.anatomy, kind, recipe.steps, *told)
    adaptation = method.attach(target, seed=job.seed)
    if network.head is not None and context.head.penalty:
        adaptation = penalised(adaptation, drawn_back(network.head, context.head.penalty))
    network.body = adaptation.body
    network.to(context.device)
    solve = solver_of(context, network, method, bank) if isinstance(method, Solver) else None
    return Attached(network, adaptation, solve, choosing.seconds)


def begin(context: Context, network: Network) -> None:
    """Let a fresh head begin where the task wants it to: at the mean of the training numbers, for one."""
    if (start := context.task.start(context.gold["train"])) is not None:
        network.start_at(start, context.head.outputs)


def setup_of(context: Context, job: Job, attached: Attached, *, looking: bool = True) -> Setup:
    """What the loop needs.

    Args:
        context: the study.
        job: the trial.
        attached: its network.
        looking: whether dev is looked at.
    """
    assert job.recipe is not None
    network = attached.network
    hiding = np.random.default_rng([job.seed, 1]) if job.recipe.masking == "dynamic" else None
    way = _way(context, job, attached, hiding, looking=looking)
    return Setup(
        network=network,
        adaptation=attached.adaptation,
        objective=way.objective,
        recipe=job.recipe,
        units=way.units,
        look=way.look,
        score=partial(context.judgement, "dev"),
        seed=job.seed,
        by_length=context.conditions.group_by_length,
        seconds=context.settling + attached.seconds + way.seconds,
        notes=way.notes,
        helpers=way.objective.helpers if isinstance(way.objective, Taught) else None,
        tokens=reached_tokens(context, job.recipe, network),
        solve=attached.solve,
        conclude=way.conclude,
        weigh=way.weigh,
        generators=() if hiding is None else (hiding,),
        at_once=context.at_once,
    )


def reached_tokens(context: Context, recipe: Recipe, network: Network) -> Callable[[], NDArray[np.int64]] | None:
    """All tokens that the batches of a training can hold, rising; None where that is not known or not asked for."""
    if not context.conditions.seen_embeddings:
        return None
    train = context.encoded(context.learned)
    return None if recipe.masking == "dynamic" or train.apart or network.soft else partial(train.tokens, context.pad)


@dataclass(frozen=True)
class _Way:
    """From rows to losses and looks."""

    objective: Objective
    units: Units
    look: Callable[[], Decoded]
    seconds: float = 0.0
    """Of what was computed once for all trials."""
    notes: tuple[str, ...] = ()
    weigh: Callable[[], int] | None = None
    """See `Setup.weigh`."""
    conclude: Callable[[], tuple[str, ...]] | None = None
    """See `Course.conclude`."""


def _way(context: Context, job: Job, attached: Attached, hiding: np.random.Generator | None, *, looking: bool) -> _Way:
    """All the way through the network in every step, or from what the parts that never change made of the rows.

    Args:
        context: the study.
        job: the trial.
        attached: its network.
        hiding: hides other tokens in each step, where the task hides any.
        looking: whether dev is looked at.
    """
    assert job.recipe is not None
    network, split = attached.network, context.learned
    train = context.encoded(split)
    batch = Weighed(partial(context.batch, split, targets=True, random=hiding), context.task)
    # Some families drop attention without a module that could be seen.
    if from_states(context, attached) and (attached.solve is not None or job.recipe.dropout == 0):
        features = context.features(split, network.eval().embed, network.pooling)
        targets, pooled = partial(context.targets_of, split), partial(context.pooled, split)
        feed = FeatureFeed(network.read, features.states, targets, pooled, context.device)
        context.features("dev", network.embed, network.pooling)  # before the first step, so that looks cost nothing
        look = partial(predictor_of(context, attached), "dev")
        # All windows of a row cost next to nothing here.
        return _Way(_objective(context, network, batch, feed, job.seed), train.units, look, features.seconds)
    if context.head.contrast is not None:
        before = context.features("train", lambda rows: context.embedder(rows), context.own_pooling)
        contrast = Contrast(network, batch, before.states, context.head.contrast, context.precision)
        look = partial(look_near_anchors, context, network)
        return _Way(contrast, train.visits, look, before.seconds, conclude=partial(head_near_anchors, context, network))
    back, at_looks = recalled(context, job, attached), recalled_at_looks(context, attached) if looking else None
    read = back if isinstance(back, Recalled) else None
    unpadding = None if read else unpadding_in(context, attached)
    refused = tuple(one for one in (back, at_looks, unpadding) if isinstance(one, str))
    unpads, narrowing = None if isinstance(unpadding, str) else unpadding, narrowing_in(context, job, attached) or nullcontext
    whole = TokenFeed(network, batch, context.precision, context.task.sought, read, unpads, narrowing)
    look = partial(_look, context, network, at_looks if isinstance(at_looks, Recalled) else None, narrowing)
    objective = _objective(context, network, batch, whole, job.seed)
    # What a teacher says may be the mean of something else than the loss.
    weigh = None if isinstance(objective, Taught) else batch.weight
    seconds, notes = (read.seconds, (read.note, *refused)) if read else (0.0, refused)
    return _Way(objective, train.visits, look, seconds, notes, weigh)


def _look(context: Context, network: Network, recall: Recalled | None, narrowing: Callable[[], AbstractContextManager[None]]) -> Decoded:
    with narrowing():
        return context.judge(network, "dev", recall)


def from_states(context: Context, attached: Attached) -> bool:
    """Whether nothing below a head on one state for a row changes, so that states are computed once."""
    network = attached.network
    one = network.pooling in (*POOLINGS, ASKED)
    return one and (attached.solve is not None or (context.conditions.recall and only_the_head(network, attached.adaptation)))


def _objective(context: Context, network: Network, batch: Callable[[NDArray[np.int64]], Batch], feed: Feed, seed: int) -> Objective:
    """The loss of the task; beside a teacher that of its soft targets too."""
    if context.mentors is not None:
        return context.mentors.objective(context.task, network, feed, batch, context.precision, seed)
    if context.lesson is None:
        return Supervised(context.task, feed)
    rows, lesson = context.encoded(context.learned).answered, context.lesson
    labelled = 0 if lesson.alone else len(context.gold["train"])
    return Distilled(context.task, feed, rows, lesson.soft, lesson.temperature, labelled=labelled)


@torch.inference_mode()
def logits_from_states(context: Context, network: Network, split: str) -> Tensor:
    """Logits of the rows of a split (rows, C) from stored states."""
    states = context.features(split, network.embed, network.pooling).states
    return context.pooled(split, network.read(torch.from_numpy(np.array(states)).to(context.device)), np.arange(len(states)))


def predictor_of(context: Context, attached: Attached, decoding: Decoding | None = None) -> Callable[[str], Decoded]:
    """Predictions of the network on a split, from stored states where the body does not change."""
    network = attached.network
    if not from_states(context, attached):
        return lambda split: context.predict(network, split, decoding)
    return lambda split: context.joined(split, context.task.decode(logits_from_states(context, network.eval(), split), None))
