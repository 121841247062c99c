"""Run a baseline as a trial: fitted, scored and recorded like everything else."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core import catalogue
from leantune.core.events import Event, Finished, Started
from leantune.core.files import write_atomic
from leantune.core.records import Cost, Scores, TrialRecord
from leantune.core.study import Job
from leantune.data.batches import length_batches
from leantune.evaluate.predict import ROWS, TOKENS, make_batch
from leantune.evaluate.predictions import Predictions, write_predictions
from leantune.execution.context import Context
from leantune.kinds.baseline import Baseline, Material
from leantune.models.base import build_embedder
from leantune.models.network import pool, token_states


def run_baseline(context: Context, job: Job) -> Iterator[Event]:
    """Fit and score one baseline; the last event carries the record."""
    folder = context.run / "trials" / job.digest(context.conditions)
    baseline: Baseline = catalogue.load("baselines", job.expression)
    yield Started(name=job.name, steps=0, trainable_params=0)
    start = time.perf_counter()
    floor = baseline.fit(Material(context.dataset.splits, len(context.dataset.labels), _Embedder(context), job.seed))
    seconds = time.perf_counter() - start
    decoded = {split: floor.predict(split) for split in ("dev", "test")}
    write_predictions(folder, {split: Predictions(context.gold[split], found.predicted, found.confidence) for split, found in decoded.items()})  # type: ignore[misc]
    record = TrialRecord(
        digest=folder.name,
        name=job.name,
        phase="baseline",
        recipe=None,
        seed=job.seed,
        status="ok",
        scores=Scores(**{split: context.score(split, found) for split, found in decoded.items()}),
        cost=Cost(trainable_params=floor.parameters, trainable_params_without_head=0, saved_bytes=floor.saved_bytes, train_seconds=seconds),
        notes=[baseline.title],
    )
    write_atomic(folder / "record.json", record.model_dump_json(indent=1))
    yield Finished(record=record)


class _Embedder:
    """Frozen mean-pooled states of a split, encoded when they are first asked for."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, split: str) -> NDArray[np.float32]:
        if split not in self.known:
            self.known[split] = self._encode(split)
        return self.known[split]

    @torch.inference_mode()
    def _encode(self, split: str) -> NDArray[np.float32]:
        context = self.context
        encoded = context.encoded(split)
        body = build_embedder(context.base).to(context.device).eval()
        kind = context.base.pooling if context.base.pooling != "stock" else "mean"
        out: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        for rows in length_batches(encoded.lengths, tokens=TOKENS, rows=ROWS):
            batch = make_batch(encoded, rows, pad=context.pad, types=context.types).to(context.device)
            out.append((rows, pool(token_states(body, batch), batch.attention_mask, kind).float().cpu().numpy()))
        features = np.zeros((len(encoded), out[0][1].shape[1]), dtype=np.float32)
        for rows, states in out:
            features[rows] = states
        return features
