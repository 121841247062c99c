"""Lectures: what the teachers of a student say of the pieces of a step, beside what the student says.

    Kept        logits that were computed once and lie on disk, or what the output embedding of a vocabulary makes them of (`remembered`)
    Live        teachers that run beside the student: where states inside of the bodies are compared, or other tokens are hidden each time
    Taught      the objective:  hard * loss + (1 - hard) * mean over teachers of the divergence from them + weight * mismatch inside

Rows that nobody labelled have no loss; the divergence is all of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leantune.core.errors import SpecError
from leantune.execution.feed import Feed
from leantune.execution.optimizers import Helpers
from leantune.execution.precision import Precision
from leantune.kinds.distiller import Distiller
from leantune.kinds.task import Task
from leantune.models.matching import Seen, mismatch, state_map, unmatched, watched
from leantune.models.network import Batch, Network
from leantune.models.sought import at_sought


class Said(Protocol):
    """One teacher whose logits are known."""

    def said(self, pieces: NDArray[np.int64], like: Tensor) -> Tensor:
        """Logits of these pieces, in the shape of those of the student."""
        ...


@dataclass(frozen=True)
class Judged:
    """Logits of one teacher for all pieces that are trained on."""

    values: NDArray[np.float32]
    """(pieces, C) or (rows, C); (tokens, C) where each token has some."""
    places: Callable[[NDArray[np.int64]], NDArray[np.int64]]
    """From numbers of pieces to places among the values."""
    starts: NDArray[np.int64] | None = None
    """(pieces + 1,) the first token of each piece, where tokens have logits."""

    def said(self, pieces: NDArray[np.int64], like: Tensor) -> Tensor:
        """Logits of these pieces, in the shape of those of the student."""
        if self.starts is None:
            return torch.from_numpy(np.array(self.values[self.places(pieces)])).to(like.device)
        found = np.zeros(tuple(like.shape), np.float32)
        for row, (start, end) in enumerate(zip(self.starts[pieces], self.starts[pieces + 1], strict=True)):
            found[row, : end - start] = self.values[start:end]
        return torch.from_numpy(found).to(like.device)


@dataclass(frozen=True)
class Mentors:
    """The teachers of a trial, ready to be asked."""

    asked: Distiller
    shares: tuple[float, ...]
    """Of each, summing to 1."""
    judged: tuple[Said, ...] = ()
    """Their logits, where these are known ..."""
    networks: tuple[Network, ...] = ()
    """... else they themselves, in evaluation mode."""
    labelled: Callable[[NDArray[np.int64]], NDArray[np.bool_]] | None = None
    """From numbers of pieces to whether the rows of their logits have labels; None where all have."""

    def objective(
        self, task: Task, network: Network, feed: Feed, batch: Callable[[NDArray[np.int64]], Batch], precision: Precision, seed: int
    ) -> Taught:
        """The objective of a student.

        Args:
            task: of the study.
            network: the student.
            feed: what it says of pieces.
            batch: pieces with targets, on the device.
            precision: of a step.
            seed: of the maps to states of another width.

        Raises:
            SpecError: E-METHOD for a teacher whose body cannot be compared with that of the student.
        """
        if self.judged:
            return Taught(task, Kept(feed, self.judged), self.asked, self.shares, self.labelled)
        for teacher in self.networks if self.asked.inside else ():
            if reason := unmatched(network.anatomy, teacher.anatomy, self.asked.match):
                raise SpecError(f"distill: {reason}.", "E-METHOD")
        found = [state_map(self.asked.match, network.anatomy, teacher.anatomy, seed) for teacher in self.networks]
        maps = [one if one is None else one.to(precision.device) for one in found]
        live = Live(task, network, self.networks, self.shares, batch, precision, self.asked, maps)
        learned = tuple(value for one in maps if one is not None for value in one.parameters())
        return Taught(task, live, self.asked, self.shares, self.labelled, Helpers(learned, self.asked.map_lr) if learned else None)


@dataclass(frozen=True)
class Heard:
    """A step's logits."""

    logits: Tensor
    targets: Tensor
    taught: Sequence[Tensor]
    """Of each teacher, in the shape of the student's."""
    apart: Tensor | None = None
    """How far the bodies are from each other inside."""


class Lecture(Protocol):
    """From numbers of pieces to what is said of them."""

    def __call__(self, pieces: NDArray[np.int64]) -> Heard:
        """With gradients of the student's."""
        ...


@dataclass(frozen=True)
class Kept:
    """Teachers whose logits are known."""

    feed: Feed
    judged: Sequence[Said]

    def __call__(self, pieces: NDArray[np.int64]) -> Heard:
        """Of these pieces."""
        logits, targets = self.feed(pieces)
        return Heard(logits, targets, [one.said(pieces, logits) for one in self.judged])


@dataclass(frozen=True)
class Live:
    """Teachers that read the same batch."""

    task: Task
    network: Network
    teachers: Sequence[Network]
    shares: Sequence[float]
    batch: Callable[[NDArray[np.int64]], Batch]
    precision: Precision
    asked: Distiller
    maps: Sequence[nn.Linear | None]
    """From the states of the student to those of each teacher."""

    def __call__(self, pieces: NDArray[np.int64]) -> Heard:
        """Of these pieces."""
        batch = self.batch(pieces)
        assert batch.targets is not None
        sought = self.task.sought(batch.targets)
        kinds = [kind for kind in self.asked.match if kind != "logits"]
        watch = watched if kinds else _unwatched
        with self.precision(), watch(self.network) as own:
            logits = self.network(batch, sought)
        taught, apart = [], []
        for teacher, to_teacher in zip(self.teachers, self.maps, strict=True):
            with torch.no_grad(), self.precision(), watch(teacher) as seen:
                taught.append(teacher(batch, sought))
            if kinds:
                sides = (own, self.network.anatomy), (seen, teacher.anatomy)
                apart.append(mismatch(kinds, *sides, batch.attention_mask, to_teacher))
        return Heard(logits, at_sought(batch.targets, sought), taught, _shared(apart, self.shares) if apart else None)


def _unwatched(network: Network) -> AbstractContextManager[Seen]:
    """Where logits alone are compared nothing inside is kept."""
    del network
    return nullcontext(Seen())


@dataclass(frozen=True)
class Taught:
    """Labels and teachers together."""

    task: Task
    lecture: Lecture
    asked: Distiller
    shares: Sequence[float]
    labelled: Callable[[NDArray[np.int64]], NDArray[np.bool_]] | None = None
    """See `Mentors.labelled`."""
    helpers: Helpers | None = None
    """What is trained beside the student."""

    def __call__(self, pieces: NDArray[np.int64]) -> Tensor:
        """Of these pieces."""
        heard = self.lecture(pieces)
        known = None if self.labelled is None else torch.from_numpy(self.labelled(pieces)).to(heard.logits.device)
        if known is None or known.all():
            total = self._mixed(heard.logits, heard.targets, heard.taught)
        else:
            total = self._of_both(heard, known)
        return total if heard.apart is None else total + self.asked.weight * heard.apart

    def _of_both(self, heard: Heard, known: Tensor) -> Tensor:
        """Each row with the same weight."""
        parts = []
        for rows, of in ((known, self._mixed), (~known, self._soft)):
            if rows.any():
                taught = [one[rows] for one in heard.taught]
                parts.append(of(heard.logits[rows], heard.targets[rows], taught) * rows.sum())
        return torch.stack(parts).sum() / len(known)

    def _mixed(self, logits: Tensor, targets: Tensor, taught: Sequence[Tensor]) -> Tensor:
        if "logits" not in self.asked.match:
            return self.task.loss(logits, targets)
        return self.asked.hard * self.task.loss(logits, targets) + (1 - self.asked.hard) * self._soft(logits, targets, taught)

    def _soft(self, logits: Tensor, targets: Tensor, taught: Sequence[Tensor]) -> Tensor:
        """The mean over the teachers: its gradient is that of the divergence from the mean of their probabilities."""
        if "logits" not in self.asked.match:
            return logits.sum() * 0.0
        return _shared([self.task.imitation(logits, one, targets, self.asked.temperature) for one in taught], self.shares)


def _shared(values: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Their weighted mean."""
    return torch.stack([share * value for share, value in zip(shares, values, strict=True)]).sum()
