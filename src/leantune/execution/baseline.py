"""Run a baseline as a trial: fitted, scored and recorded like everything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leantune.core import catalogue
from leantune.core.events import Event, Finished, Started
from leantune.core.files import read_kept
from leantune.core.records import Cost, TrialRecord
from leantune.core.study import Job
from leantune.core.trial_folder import RECORD, write_record
from leantune.data.examples import ExampleChunk
from leantune.execution.context import Context
from leantune.execution.embedding import embedded
from leantune.execution.feed import means_of_rows
from leantune.kinds.baseline import Baseline, Material
from leantune.kinds.task import Decoded


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
    yield Finished(record=write_record(folder, record))


def _seconds(folder: Path, measured: float) -> float:
    """What fitting took the first time: a floor that is fitted again for a further test set finds its states in the cache."""
    earlier = read_kept(folder / RECORD, TrialRecord)
    return measured if earlier is None or earlier.cost.train_seconds is None else earlier.cost.train_seconds


def _material(context: Context, seed: int) -> Material:
    """Rows, and the base as it is, loaded when it is asked for."""
    name = context.own_pooling

    def embed(split: str) -> NDArray[np.float32]:
        states, encoded = context.features(split, lambda batch: context.embedder(batch), name).states, context.encoded(split)
        return states if encoded.pool is None else means_of_rows(states, encoded.units)

    def encode(texts: list[str]) -> NDArray[np.float32]:
        return embedded(context, context.embedder, ExampleChunk(texts))

    labels, own = len(context.dataset.labels), context.base.pooling != "stock"
    return Material(context.dataset.splits, context.task.gold, labels, embed, seed, encode if own else None)
