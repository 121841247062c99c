"""One trial: a recipe run with one seed inside a study; events while it runs, one record on disk at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leantune.core.events import Event
from leantune.core.records import Scores
from leantune.core.study import Job
from leantune.execution.context import Context
from leantune.execution.feed import FeatureFeed, Feed, TokenFeed
from leantune.execution.loop import Setup, only_the_head
from leantune.execution.results import Attached, Results
from leantune.kinds.method import parse_method
from leantune.kinds.task import Decoded
from leantune.models.adaptation import Target
from leantune.models.build import build_network
from leantune.models.heads import task_type
from leantune.models.network import POOLINGS, Network


def attach(context: Context, job: Job) -> Attached:
    """Build the network of a job and put its method in."""
    assert job.recipe is not None
    method = parse_method(job.expression).method
    network = build_network(context.base, context.head, seed=job.seed, prepends=method.card.prepends, dropout=job.recipe.dropout)
    begin(context, network)
    inside = network.head is None or network.pooling == "asked"
    kind = task_type(context.head.kind, context.base.config) if inside else "FEATURE_EXTRACTION"
    adaptation = method.attach(Target(network.body, network.anatomy, kind, job.recipe.steps), seed=job.seed)
    network.body = adaptation.body
    network.to(context.device)
    return Attached(network, adaptation)


def begin(context: Context, network: Network) -> None:
    """Let a fresh head begin where the task wants it to: at the mean of the training numbers, for one."""
    if (start := context.task.start(context.gold["train"])) is not None:
        network.start_at(start, context.head.outputs)


def setup_of(context: Context, job: Job, attached: Attached) -> Setup:
    """What the loop needs; where only the head is trained, it works on stored states."""
    assert job.recipe is not None
    network, train = attached.network, context.encoded("train")
    random = np.random.default_rng([job.seed, 1]) if job.recipe.masking == "dynamic" else None
    feed: Feed = TokenFeed(network, partial(context.batch, "train", targets=True, random=random), context.device, context.task.sought)
    look: Callable[[], Decoded] = partial(context.judge, network, "dev")
    units, seconds = train.visits, 0.0
    if network.head is not None and network.pooling in POOLINGS and only_the_head(network, attached.adaptation):
        features = context.features("train", network.body, network.pooling)
        feed = FeatureFeed(
            network.head, features.states, partial(context.targets_of, "train"), partial(context.pooled, "train"), context.device
        )
        units = train.units  # all windows of a row cost next to nothing here
        seconds = features.seconds
        look = partial(_look, context, network.head, context.features("dev", network.body, network.pooling).states)
    return Setup(
        network=network,
        adaptation=attached.adaptation,
        task=context.task,
        recipe=job.recipe,
        feed=feed,
        units=units,
        look=look,
        score=partial(context.judgement, "dev"),
        seed=job.seed,
        seconds=seconds,
    )


@torch.inference_mode()
def _look(context: Context, head: nn.Linear, states: NDArray[np.float32]) -> Decoded:
    """Predictions from stored states."""
    logits = context.pooled("dev", head(torch.from_numpy(np.array(states)).to(context.device)), np.arange(len(states)))
    return context.joined("dev", context.task.decode(logits, None))


def run_trial(context: Context, job: Job) -> Iterator[Event]:
    """Train, score, measure, save; the last event carries the record, whatever happened."""
    results = Results(context, job, context.run / "trials" / job.digest(context.conditions))
    yield from results.carry_out(_work(context, job, results))


def _work(context: Context, job: Job, results: Results) -> Iterator[Event]:
    assert job.recipe is not None
    attached = attach(context, job)
    seen = yield from results.train(attached.network, attached.adaptation, partial(setup_of, context, job, attached), context.device)
    if job.phase == "race" and context.task.writes:  # writing takes long, and what is likely is enough to tell rates apart
        results.scores = Scores(dev=context.judgement("dev", seen))
        return
    dev = context.predict(attached.network, "dev", job.recipe.decoding) if context.task.writes else seen
    results.score(attached.network, dev)
    if job.phase != "race":
        results.measure(attached, dev)
    if job.phase == "final" and context.task.sampled:
        results.sample(attached.network)
