"""Run a baseline as a trial: fitted, scored and recorded like everything else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from leantune.core import catalogue
from leantune.core.events import Event, Finished, Started
from leantune.core.files import read_kept, write_atomic
from leantune.core.records import Cost, TrialRecord
from leantune.core.study import Job
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.predict import make_batch
from leantune.execution.context import Context
from leantune.execution.feed import means_of_rows, states_of
from leantune.kinds.baseline import Baseline, Material
from leantune.kinds.task import Decoded
from leantune.models.build import build_embedder
from leantune.models.network import Batch


def run_baseline(context: Context, job: Job) -> Iterator[Event]:
    """Fit and score one baseline; the last event carries the record."""
    folder = context.run / "trials" / job.digest(context.conditions)
    baseline: Baseline = catalogue.load("baselines", job.expression)
    yield Started(name=job.name, steps=0, trainable_params=0)
    start = time.perf_counter()
    floor = baseline.fit(_material(context, job.seed))
    seconds = _seconds(folder, time.perf_counter() - start)
    decoded: dict[str, Decoded] = {split: floor.predict(split) for split in ("dev", *context.dataset.tests.values())}
    context.store(folder, decoded)
    record = TrialRecord(
        digest=folder.name,
        name=job.name,
        method=job.expression,
        phase="baseline",
        recipe=None,
        seed=job.seed,
        status="ok",
        scores=context.scores(decoded),
        cost=Cost(trainable_params=floor.parameters, trainable_params_without_head=0, saved_bytes=floor.saved_bytes, train_seconds=seconds),
        notes=[baseline.title],
    )
    write_atomic(folder / "record.json", record.model_dump_json(indent=1))
    yield Finished(record=record)


def _seconds(folder: Path, measured: float) -> float:
    """What fitting took the first time: a floor that is fitted again for a further test set finds its states in the cache."""
    earlier = read_kept(folder / "record.json", TrialRecord)
    return measured if earlier is None or earlier.cost.train_seconds is None else earlier.cost.train_seconds


def _material(context: Context, seed: int) -> Material:
    """Rows, and the base as it is, loaded when it is asked for."""
    body = cache(lambda: build_embedder(context.base).to(context.device))
    labels = len(context.dataset.labels)
    return Material(context.dataset.splits, context.task.gold, labels, _embedder(context, body), seed, _encoder(context, body))


def _embedder(context: Context, body: Callable[[], nn.Module]) -> Callable[[str], NDArray[np.float32]]:
    """Frozen pooled states of a split, by the base's own pooling; a base with a stock head is mean-pooled. Of windows the mean."""
    pooling = context.base.pooling if context.base.pooling != "stock" else "mean"

    def embed(split: str) -> NDArray[np.float32]:
        states, encoded = context.features(split, body(), pooling).states, context.encoded(split)
        return states if encoded.pool is None else means_of_rows(states, encoded.units)

    return embed


def _encoder(context: Context, body: Callable[[], nn.Module]) -> Callable[[list[str]], NDArray[np.float32]] | None:
    """The same of any texts, of a base that has a pooling of its own."""
    pooling = context.base.pooling
    if pooling == "stock":
        return None

    def encode(texts: list[str]) -> NDArray[np.float32]:
        encoded = encode_rows(context.base.tokenizer, ExampleChunk(texts), context.conditions.max_length)

        def batch(pieces: NDArray[np.int64]) -> Batch:
            return make_batch(encoded.padded(pieces, context.pad), types=context.types).to(context.device)

        return states_of(body(), pooling, encoded.lengths, batch)

    return encode
