"""Savings: what each speed-up that a training uses takes off a step, measured on this machine by the same steps without it.

Rounds of steps with everything and with one thing less take turns, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.core.spec import Spec
from leantune.core.study import Job
from leantune.execution.attach import attach, from_states, reached_tokens
from leantune.execution.context import Context
from leantune.execution.feed import FeatureFeed, Feed, TokenFeed
from leantune.execution.loop import apply_trainable, trained_names
from leantune.execution.narrowing import Narrowing, narrowing_in
from leantune.execution.precision import Precision
from leantune.execution.probe import even_batches, mixed_batches, parts_of, timed_step, update_of
from leantune.execution.recall import trunk_in
from leantune.execution.results import Attached
from leantune.execution.settling import settle
from leantune.execution.unpadding import Unpadding, unpadding_in
from leantune.models.seen_rows import seen_rows

ROUNDS = 3

LENGTHS = "lengths"
"""Batches of rows of like length, against rows as they come."""
PARTS = "in parts"
"""So many tokens of a step in memory at a time as caches hold, against all."""
PRODUCTS = "bf16"
"""Products in bfloat16, against float32."""
PADDING = "padding"
"""The layers leave out the padding of a batch, against computed with it."""
EMBEDDINGS = "embeddings"
"""Only the rows of the embeddings that occur are trained, against all."""
LAYERS = "read back"
"""Untrained lower layers are read back, against computed."""
BODY = "body once"
"""The body is computed once for all steps, against in each."""
TOP = "last layer"
"""The last layer works on the tokens alone that are read, against on all."""
NAMES = (LENGTHS, PARTS, PADDING, PRODUCTS, EMBEDDINGS, LAYERS, BODY, TOP)


class Account(Spec):
    """A step of one method, with all that makes it fast and with one thing less."""

    name: str
    step_ms: float
    """Median over rounds; of `batch` rows."""
    without_ms: dict[str, float]
    """By the speed-up that was left out; those that are not used are not there."""

    def saved(self, name: str) -> float | None:
        """The share of the slower step that a speed-up takes off; None where it is not used."""
        return 1 - self.step_ms / self.without_ms[name] if name in self.without_ms else None


@dataclass(frozen=True)
class _Way:
    """How a step is taken."""

    steps: list[list[NDArray[np.int64]]]
    """Pieces by number, in the parts in which they are taken."""
    precision: Precision
    fewer: bool
    """Whether the optimiser is given those embeddings alone that occur."""
    recalled: bool
    """Whether the lower layers are left out ..."""
    stored: bool
    """... or the whole body."""
    unpadding: Unpadding | None
    """How padding is left out inside of the layers."""
    narrowing: Narrowing | None
    """How the last layer works on the tokens alone that are read."""


def account(context: Context, job: Job) -> Account:
    """Take steps of a method in each way; the network is dropped afterwards.

    Args:
        context: the study.
        job: of the method, which can work here.
    """
    context, _ = settle(context, job)
    steps = _Steps(context, job, attach(context, job))
    ways = {"": steps.usual, **dict(steps.without())} if steps.trained else {}
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            rounds[name].append(steps.seconds(way))
    found = {name: 1e3 * statistics.median(seconds) for name, seconds in rounds.items()}
    return Account(name=job.name, step_ms=found.pop("", 0.0), without_ms=found)


class _Steps:
    """The network of a method, and the ways in which it can take a step."""

    def __init__(self, context: Context, job: Job, attached: Attached) -> None:
        assert job.recipe is not None
        self.context, self.recipe, self.network = context, job.recipe, attached.network
        units, random = context.encoded("train").visits, np.random.default_rng(0)
        rows = min(self.recipe.batch_rows, len(units))
        taken = partial(parts_of, context, self.recipe, units, random=random)
        even, self.mixed = (
            [taken(chosen) for chosen in batches] for batches in (even_batches(units, rows), mixed_batches(units, rows, random))
        )
        self.trained = apply_trainable(self.network, trained_names(self.network, attached.adaptation))
        self.tokens = reached_tokens(context, self.recipe, self.network)
        self.trunk = trunk_in(context, job, attached)
        stored = from_states(context, attached) and self.recipe.dropout == 0
        found = None if self.trunk else unpadding_in(context, attached)
        unpadding, narrowing = None if isinstance(found, str) else found, narrowing_in(context, job, attached)
        usual = even if context.conditions.group_by_length else self.mixed
        self.usual = _Way(usual, context.precision, self._fewer(), self.trunk is not None, stored, unpadding, narrowing)
        own = {pieces.tobytes(): pieces for step in [*even, *self.mixed] for pieces in [*step, np.concatenate(step)]}
        self.states = {key: self._below(pieces) for key, pieces in own.items()} if self.trunk else {}

    def without(self) -> Iterator[tuple[str, _Way]]:
        """The usual way with one thing less, by its name."""
        if self.usual.stored:
            yield BODY, replace(self.usual, stored=False, recalled=False)
            return
        if self.usual.steps is not self.mixed and self.context.encoded("train").lengths.std() > 0:
            yield LENGTHS, replace(self.usual, steps=self.mixed)
        if any(len(step) > 1 for step in self.usual.steps):
            yield PARTS, replace(self.usual, steps=_whole(self.usual.steps))
        if self.usual.unpadding:
            yield PADDING, replace(self.usual, unpadding=None)
        if self.usual.precision.products == "bf16":
            yield PRODUCTS, replace(self.usual, precision=Precision(self.context.device))
        if self.usual.fewer:
            yield EMBEDDINGS, replace(self.usual, fewer=False)
        if self.usual.recalled:
            yield LAYERS, replace(self.usual, recalled=False)
        if self.usual.narrowing:
            yield TOP, replace(self.usual, narrowing=None)

    def seconds(self, way: _Way) -> float:
        """Of a step, mean over the batches."""
        with seen_rows(self.network.body, self.trained, self.tokens() if way.fewer and self.tokens else None) as trained:
            update, feed = update_of(self.recipe, self.network, trained), self._feed(way)
            steps = _whole(way.steps) if way.stored else way.steps
            timed_step(self.context, self.network, feed, steps[0], update)  # makes the state of the optimiser
            return statistics.fmean(timed_step(self.context, self.network, feed, parts, update) for parts in steps)

    def _fewer(self) -> bool:
        with seen_rows(self.network.body, self.trained, self.tokens() if self.tokens else None) as fewer:
            return fewer is not self.trained

    @torch.no_grad()
    def _below(self, pieces: NDArray[np.int64]) -> Tensor:
        """What the lower layers make of pieces (B, T, D)."""
        assert self.trunk is not None
        self.network.eval()
        with self.context.precision(), self.trunk.tapped() as seen:
            self.network(self.context.batch("train", pieces))
        return seen[-1].float()

    def _feed(self, way: _Way) -> Feed:
        context, network = self.context, self.network
        if not way.stored:
            batch = partial(context.batch, "train", targets=True)
            again = self._again if way.recalled else None
            return TokenFeed(network, batch, way.precision, context.task.sought, again, way.unpadding, way.narrowing or nullcontext)
        pieces = np.concatenate([part for step in way.steps for part in step])
        with torch.no_grad():
            states = network.eval().embed(context.batch("train", pieces)).float().cpu().numpy()
        features = np.zeros((int(pieces.max()) + 1, states.shape[1]), np.float32)
        features[pieces] = states
        return FeatureFeed(network.read, features, partial(context.targets_of, "train"), partial(context.pooled, "train"), context.device)

    def _again(self, pieces: NDArray[np.int64]) -> AbstractContextManager[None]:
        assert self.trunk is not None
        return self.trunk.recalled(self.states[pieces.tobytes()])


def _whole(steps: list[list[NDArray[np.int64]]]) -> list[list[NDArray[np.int64]]]:
    """The same steps, each taken at once."""
    return [[np.concatenate(parts)] for parts in steps]
