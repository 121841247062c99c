"""Settling: what a prompt finds on the training rows of a trial before it is trained, with the base as it is.

    context, notes = settle(context, job)        notes: what was found; context.settling: the seconds that it took

The wording that comes of it is pure data (`core.wording`), kept beside the record as `wording.json`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.study import Job
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.label_words import Word
from leantune.data.pieces._pieces import Room
from leantune.evaluate.predict import logits_of, mean_of_rows
from leantune.execution.context import Context
from leantune.execution.embedding import embedded
from leantune.kinds.prompt import Rows, Worded
from leantune.models.base import Base
from leantune.models.build import build_network
from leantune.models.network import Network
from leantune.models.sought import output_embedding
from leantune.models.span_beam import Filling, SpanFiller
from leantune.models.verbalizer import Verbalizer

MOST_ROWS = 512
"""Training rows that are looked at; of more a draw, as many of each label."""


def settle(context: Context, job: Job) -> tuple[Context, list[str]]:
    """The context of a trial with its wording settled, and what is to be noted; as it is where nothing is left open.

    Raises:
        SpecError: what cannot be found on these rows.
    """
    worded = context.worded
    if worded is None or not worded.prompt.settles:
        return context, []
    start = time.perf_counter()
    rows = _drawn(context, job.seed)
    found = worded.prompt.settle(worded.setting, rows, BaseOracle(context, worded), job.seed)
    context.informed.rest()
    seen = [f"the wording was settled on {len(rows.gold):,} of {len(context.gold['train']):,} training rows"] if _too_many(context) else []
    return replace(context.saying(found.wording), settling=time.perf_counter() - start), [*found.notes, *seen]


@dataclass(frozen=True)
class BaseOracle:
    """The base with its own head, asked as `kinds.prompt.Oracle` says."""

    context: Context
    worded: Worded

    @cached_property
    def network(self) -> Network:
        """Nothing in it is trained."""
        bare = replace(self.worded.head, words=(), priors=(), soft=False)
        return build_network(self.context.base, bare, seed=0).to(self.context.device)

    def likely(self, worded: Worded, words: Sequence[Word], chunk: ExampleChunk) -> NDArray[np.float32]:
        """Log-probabilities of words, (rows, words); each is read as if it were a label of its own."""
        context = self.context
        self.network.verbalizer = Verbalizer([[word] for word in words]).to(context.device)
        assert worded.pieces is not None
        encoded = encode_rows(context.base.tokenizer, chunk, Room(context.conditions.max_length), worded.pieces)
        found = np.zeros((len(encoded), len(words)), dtype=np.float32)
        for pieces, _, logits in logits_of(self.network, encoded, pad=context.pad, types=context.types, device=context.device):
            found[pieces] = logits.float().cpu().numpy()
        return mean_of_rows(found, encoded.rows)

    def states(self, chunk: ExampleChunk) -> NDArray[np.float32]:
        """Of the bare body, by the base's own pooling."""
        return embedded(self.context, self.context.embedder, chunk)

    def embedding(self) -> NDArray[np.float32]:
        """The rows of the output embedding."""
        weight: torch.Tensor = output_embedding(self.network.body).weight
        found: NDArray[np.float32] = weight.detach().float().cpu().numpy()
        return found

    def fill(self, generator: Base, texts: Sequence[Sequence[int]], spans: int, beams: int) -> list[Filling]:
        """By the generator, which is read when it is first asked."""
        if generator.name not in self._fillers:
            self._fillers[generator.name] = SpanFiller(generator, self.context.device)
        return self._fillers[generator.name].fill(texts, spans, beams=beams)

    @cached_property
    def _fillers(self) -> dict[str, SpanFiller]:
        return {}


def _too_many(context: Context) -> bool:
    return len(context.gold["train"]) > MOST_ROWS


def _drawn(context: Context, seed: int) -> Rows:
    """The training rows, or as many of each label as are allowed."""
    train = context.dataset.splits["train"]
    gold = np.asarray(train.gold, dtype=np.int64)
    places = np.arange(len(gold))
    if _too_many(context):
        each = max(1, MOST_ROWS // len(context.dataset.labels))
        order = np.random.default_rng([seed, 2]).permutation(len(gold))
        places = np.sort(np.concatenate([order[gold[order] == label][:each] for label in np.unique(gold)]))
    taken = train.take(places)
    pairs = [str(second) for _, second in taken] if train.pairs is not None else None
    return Rows(ExampleChunk([first for first, _ in taken], pairs), gold[places])
