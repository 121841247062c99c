"""Compressing: from a trained model to smaller ones, link by link, each measured as a model of its own.

    lora | shrink(layers=4) | quantize(int8)        the stages: lora, shrink(layers=4), quantize(int8)

The first stage is a trial like any other: where the study has it already it is not trained again.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.events import Event, Finished, Stepped
from leantune.core.human import percent
from leantune.core.measured import Latency, Scores, Stage
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.core.trial_folder import read_record
from leantune.data.batches import training_batches
from leantune.data.test_sets import MAIN
from leantune.data.unlabelled_rows import UNLABELLED
from leantune.execution.context import TOKENS, Context
from leantune.execution.course import Setup
from leantune.execution.feed import TokenFeed
from leantune.execution.lecture import Mentors
from leantune.execution.loop import BestLook, fit
from leantune.execution.objective import Objective, Sandwich
from leantune.execution.precision import Precision
from leantune.execution.reloading import DELTA, delivered_latency
from leantune.execution.results import Attached, Results
from leantune.kinds.compressor import Compressor, Vocabulary
from leantune.kinds.distiller import Distiller
from leantune.kinds.method import parse_method
from leantune.kinds.task import Decoded
from leantune.models.adaptation import Adaptation
from leantune.models.delta import is_plain, read_delta
from leantune.models.network import Batch, Network, parameter_count, weight_bytes
from leantune.models.tying import copies
from leantune.models.vocabulary_rows import with_vocabulary
from leantune.scores.tally import Tally

Run = Callable[[Context, Job], Iterator[Event]]
"""Runs a trial to its record."""
ROWS = 16
"""Of a batch for gradients."""


def trained_job(job: Job) -> Job:
    """The trial that a chain begins with: the same without compressors."""
    assert job.recipe is not None
    expression = parse_method(job.expression).uncompressed
    recipe = job.recipe.model_copy(update={"method": parse_method(job.recipe.method).uncompressed})
    return job.model_copy(update={"name": expression, "expression": expression, "recipe": recipe})


def compressed(context: Context, job: Job, results: Results, run: Run) -> Iterator[Event]:
    """Train, or take what is trained; then one link after the other; the results have what is left and every stage.

    Raises:
        SpecError: E-METHOD when there is nothing to compress, or when a link cannot do what it is asked for.
    """
    first = trained_job(job)
    record = yield from trained(context, first, run)
    folder = context.run / "trials" / record.digest
    context = context.settled_in(folder)
    yield from results.settled(context, ())
    delivered = network = read_delta(context.base, folder / DELTA, context.head, merge=True).to(context.device)
    if context.base.packing is not None:  # what stands on 4 bits is folded into the base as it was
        network = read_delta(context.base, folder / DELTA, context.head, merge=True, packed=False).to(context.device)
    if not is_plain(network):
        raise SpecError(f"{first.expression} cannot be folded into the weights, so nothing can compress it.", "E-METHOD")
    results.begin_with(record)
    bench = Bench(context, first, copy.deepcopy(network).eval())
    results.stages.append(_stage(first.expression, bench, delivered, record.scores, record.cost.train_seconds or 0.0))
    for link, compressor in parse_method(job.expression).compressors:
        network, decoded, bench = yield from _linked(results, bench, link, compressor, network)
    results.score(decoded["dev"], decoded.__getitem__)
    results.measure(Attached(network, Adaptation(network.body, frozenset())), decoded["dev"])


def trained(context: Context, job: Job, run: Run) -> Generator[Event, None, TrialRecord]:
    """The record of a trial; run where it is not there."""
    record = read_record(context.run / "trials" / job.digest(context.conditions))
    if record is None or record.status != "ok":
        for event in run(context.of(job), job):
            if isinstance(event, Finished):
                record = event.record
            else:
                yield event
    assert record is not None
    if record.status != "ok":
        raise SpecError(f"{job.expression}: {record.status}: {record.reason}", "E-METHOD")
    return record


def _linked(
    results: Results, bench: Bench, link: str, compressor: Compressor, network: Network
) -> Generator[Event, None, tuple[Network, dict[str, Decoded], Bench]]:
    """The model behind one link, what it predicts, and the bench for the next one."""
    context, start = bench.context, time.perf_counter()
    if reason := compressor.unsupported(network.anatomy):
        raise SpecError(f"{link}: {reason}.", "E-METHOD")
    smaller = yield from compressor.compress(network, bench)
    seconds = time.perf_counter() - start
    notes = list(smaller.notes)
    if smaller.vocabulary is not None:
        bench, said = _renumbered(results, bench, smaller.vocabulary)
        context, notes = bench.context, [*notes, said]
    splits = ["dev", *context.dataset.tests.values()]
    decoding = bench.job.recipe.decoding if bench.job.recipe else None
    decoded = {split: context.predict(smaller.network, split, decoding) for split in splits}
    stage = _stage(link, bench, smaller.network, context.scores(decoded), seconds)
    results.stages.append(stage.model_copy(update={"notes": notes, "curve": smaller.curve, "importance": smaller.importance}))
    results.cost = results.cost.model_copy(update={"train_seconds": (results.cost.train_seconds or 0.0) + seconds})
    yield from results.noted([f"{link}: {text}" for text in notes])
    if context.conditions.few_shot:
        decoded["train"] = context.predict(smaller.network, "train")
    return smaller.network, decoded, bench


def _renumbered(results: Results, bench: Bench, found: Vocabulary) -> tuple[Bench, str]:
    """The bench with other tokens, by which the original reads too; and how many test tokens are read as others."""
    old, place = bench.context.encoded(MAIN).ids, results.folder / TOKENS
    found.tokenizer.save_pretrained(place)
    context = replace(bench.context, tokens=place)
    results.context = context
    lost = float(np.isin(old, found.kept, invert=True).mean()) if len(old) else 0.0
    said = f"{percent(lost)} of the test tokens are none of them, and are read in smaller parts or as unknown"
    return replace(bench, context=context, original=with_vocabulary(copy.deepcopy(bench.original), found.kept)), said


def _stage(link: str, bench: Bench, network: Network, scores: Scores, seconds: float) -> Stage:
    """What is there after a link; layers that share their weights as often as they are stored."""
    stored = [network, *copies(network.body)]
    return Stage(
        link=link,
        scores=scores,
        model_params=sum(map(parameter_count, stored)),
        zeros=sum(int((value == 0).sum()) for part in stored for value in part.parameters() if value.is_floating_point()),
        model_bytes=sum(map(weight_bytes, stored)),
        latency_ms=bench.latency(network),
        seconds=seconds,
    )


@dataclass(frozen=True)
class Bench:
    """The workshop of a trial, as `kinds.compressor.Workshop` says."""

    context: Context
    job: Job
    """Of the first stage."""
    original: Network

    @property
    def seed(self) -> int:
        """Of the trial."""
        return self.job.seed

    @property
    def steps(self) -> int:
        """Of the training of the original."""
        assert self.job.recipe is not None
        return self.job.recipe.steps

    @property
    def lr(self) -> float:
        """Where full fine-tuning begins its race."""
        return float(catalogue.load("methods", "full").card.rates.start)

    @property
    def writes(self) -> bool:
        """Whether the task does."""
        return self.context.task.writes

    @property
    def chooses(self) -> bool:
        """Whether dev may be looked at."""
        return self.context.conditions.few_shot is None

    @property
    def tokenizer(self) -> Any:
        """Of the base, or what a compressor left of it."""
        return self.context.base.tokenizer

    def token_counts(self) -> NDArray[np.int64]:
        """In the rows as they are read, and in what shall be written."""
        distilling = self.job.recipe.distilling if self.job.recipe else None
        pool = self.context.unlabelled or (distilling.unlabelled if distilling else None)
        context = replace(self.context, unlabelled=pool)
        found = np.zeros(1 + max(self.tokenizer.get_vocab().values()), np.int64)
        for encoded in map(context.encoded, ["train", *[UNLABELLED] * (pool is not None)]):
            tokens = [encoded.ids, *[encoded.marks] * encoded.apart]
            for own in tokens:
                assert own is not None
                found += np.bincount(own[own >= 0], minlength=len(found))
        return found

    def batches(self, rows: int) -> Iterator[Batch]:
        """Training rows with targets."""
        units = self.context.encoded("train").visits
        random, left = np.random.default_rng([self.seed, 3]), min(rows, len(units))
        alike = self.context.conditions.group_by_length
        for chosen in training_batches(units.lengths, rows=min(ROWS, left), seed=self.seed, by_length=alike):
            yield self.context.batch("train", units.drawn(chosen, random), targets=True)
            left -= len(chosen)
            if left <= 0:
                return

    def loss(self, network: Network, batch: Batch) -> Tensor:
        """Of the task."""
        feed = TokenFeed(network, lambda _: batch, Precision(self.context.device), self.context.task.sought)  # small differences decide
        return self.context.task.loss(*feed(np.zeros(0, np.int64)))

    def tally(self, network: Network) -> Tally:
        """On dev, by the study's metric."""
        context = self.context
        found = context.predict(network, "dev", self.job.recipe.decoding if self.job.recipe else None)
        return context.task.tally(context.conditions.metric, context.gold["dev"], found.predicted, context.dataset.labels)

    def latency(self, network: Network) -> Latency:
        """On dev."""
        return delivered_latency(self.context, self.job, network)

    def recover(
        self,
        network: Network,
        *,
        steps: int,
        lr: float,
        after_step: Callable[[int], None] | None = None,
        penalty: Callable[[], Tensor] | None = None,
        inside: Callable[[], Sequence[AbstractContextManager[Network]]] | None = None,
    ) -> Generator[Event, None, None]:
        """Distil the original into a network, or a network into smaller ones inside of it."""
        context = self.context
        assert self.job.recipe is not None
        names = frozenset(name for name, _ in network.body.named_parameters())
        batch = partial(context.batch, "train", targets=True)
        train, wanted = context.encoded("train"), context.conditions
        feed = TokenFeed(network, batch, context.precision, context.task.sought)
        taught = Mentors(Distiller(), (1.0,), networks=(self.original,))
        objective: Objective = taught.objective(context.task, network, feed, batch, context.precision, self.seed)
        if inside is not None:
            objective = Sandwich(context.task, network, inside, batch, context.precision)
        setup = Setup(
            network=network,
            adaptation=Adaptation(network.body, names, penalty=penalty, after_step=after_step),
            objective=objective,
            recipe=self.job.recipe.model_copy(update={"steps": steps, "lr": lr, "head_lr": None, "soft_lr": None, "evaluations": 1}),
            units=train.visits,
            tokens=partial(train.tokens, context.pad) if inside is None and wanted.seen_embeddings else None,  # views hold the whole table
            look=lambda: Decoded([], np.zeros(0, np.float32)),
            score=lambda _: 0.0,
            seed=self.seed,
            by_length=wanted.group_by_length,
        )
        for event in fit(setup, BestLook()):  # with one look, at the end, the last weights are the best
            if isinstance(event, Stepped):
                yield event
        network.eval()
