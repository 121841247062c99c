"""Choosing: what training rows say about weights before the training begins, for methods that train some of them.

    choosing.fisher(names)                              squared gradients (Sung et al. 2021, arXiv:2111.09839)
    choosing.rehearse(rates, penalty, steps)            other parameters are trained for a while beside the heads (diff pruning)

Neither leaves anything behind: the network is what it was, and `seconds` says what it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from leantune.data.batches import training_batches
from leantune.execution.context import Context
from leantune.execution.feed import TokenFeed
from leantune.execution.precision import Precision
from leantune.models.network import Network

FISHER_ROWS = 64
"""As few are enough (Sung et al. 2021)."""


class Choosing:
    """The training rows of a trial, and the network as it is before a method is put into it."""

    def __init__(self, context: Context, network: Network, *, seed: int, batch_rows: int, head_lr: float) -> None:
        self.context, self.network, self.seed = context, network, seed
        self.batch_rows, self.head_lr = batch_rows, head_lr
        self.seconds = 0.0
        self._feed = TokenFeed(network, partial(context.batch, "train", targets=True), Precision(context.device), context.task.sought)

    def fisher(self, names: Sequence[str]) -> list[Tensor]:
        """Squared gradients of the loss by parameters of the body, each row for itself, mean over training rows (the empirical Fisher)."""
        parameters = dict(self.network.body.named_parameters())
        chosen = [parameters[name] for name in names]
        totals = [torch.zeros_like(one) for one in chosen]
        units = self.context.encoded("train").visits
        random = np.random.default_rng([self.seed, 5])
        rows = random.permutation(len(units))[:FISHER_ROWS]
        self.network.eval()
        with self._counted():
            for row in rows:
                loss = self._loss(units.drawn(np.array([row]), random))
                for total, gradient in zip(totals, torch.autograd.grad(loss, chosen, allow_unused=True), strict=True):
                    if gradient is not None:
                        total += gradient.detach() ** 2
        return [total / len(rows) for total in totals]

    def rehearse(self, rates: Sequence[tuple[Sequence[nn.Parameter], float]], penalty: Callable[[], Tensor], steps: int) -> None:
        """Train parameters, and the heads with them, on training rows; the heads are afterwards what they were.

        Args:
            rates: parameters that are trained, and at which rate; nothing else of the network is.
            penalty: added to the loss of the task.
            steps: of as many rows as a step of the training has.
        """
        heads = [one for name, one in self.network.named_parameters() if self._is_head(name)]
        before = [one.detach().clone() for one in heads]
        groups = [(list(own), rate) for own, rate in (*rates, (heads, self.head_lr)) if own]
        optimizer = torch.optim.Adam([{"params": own, "lr": rate} for own, rate in groups])
        learned = [one for own, _ in groups for one in own]
        units, random = self.context.encoded("train").visits, np.random.default_rng([self.seed, 6])
        alike = self.context.conditions.group_by_length
        batches = training_batches(units.lengths, rows=self.batch_rows, seed=self.seed, by_length=alike)
        self.network.eval()
        with self._counted(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            for rows in islice(batches, steps):
                loss = self._loss(units.drawn(rows, random)) + penalty()
                for one, gradient in zip(learned, torch.autograd.grad(loss, learned, allow_unused=True), strict=True):
                    one.grad = gradient
                optimizer.step()
        with torch.no_grad():
            for one, value in zip(heads, before, strict=True):
                one.copy_(value)
        optimizer.zero_grad(set_to_none=True)

    def _is_head(self, name: str) -> bool:
        inner = any(name.startswith(f"body.{path}.") for path in self.network.anatomy.heads)
        return inner or name in self.network.head_parameters()

    def _loss(self, pieces: np.ndarray) -> Tensor:
        return self.context.task.loss(*self._feed(pieces))

    @contextmanager
    def _counted(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start
