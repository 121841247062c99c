"""Compressor: a trained model in, a smaller one out, a link behind the method: `lora | shrink(layers=4) | quantize(int8)`.

    compress(network, shop) -> Smaller(network, notes, curve)          adapters are folded into the weights before the first link

A compressor may change the network that it is given. The trained model as it was stays in the workshop, where it teaches.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from leantune.core.events import Event
from leantune.core.link import Link, LinkCard
from leantune.core.measured import Importance, Latency, Point
from leantune.data.pieces._pieces import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from leantune.models.anatomy import Anatomy
    from leantune.models.network import Batch, Network
    from leantune.scores.tally import Tally


class Tokens(Tokenizer, Protocol):
    """The part of a `transformers` tokenizer that is needed here."""

    def __len__(self) -> int:
        """Its tokens."""
        ...

    def get_vocab(self) -> dict[str, int]:
        """Numbers by tokens."""
        ...

    def save_pretrained(self, folder: Path, /) -> object:
        """Write its files."""
        ...


class Workshop(Protocol):
    """Rows, teacher and instruments, in the process of the trial."""

    @property
    def original(self) -> Network:
        """The trained model before the first link; not to be changed."""
        ...

    @property
    def seed(self) -> int:
        """Of the trial."""
        ...

    @property
    def steps(self) -> int:
        """Optimiser steps that the model was trained for."""
        ...

    @property
    def lr(self) -> float:
        """A usual learning rate for all weights of this base."""
        ...

    @property
    def writes(self) -> bool:
        """Whether texts are written token by token."""
        ...

    @property
    def chooses(self) -> bool:
        """Whether there are dev rows to judge by; not where few rows are all there is."""
        ...

    @property
    def tokenizer(self) -> Tokens:
        """That the network reads by."""
        ...

    def token_counts(self) -> NDArray[np.int64]:
        """How often each token occurs in the training rows and in the unlabelled ones that the trial has."""
        ...

    def batches(self, rows: int) -> Iterator[Batch]:
        """Training rows with targets on the device, as many as there are up to `rows`, the same at each call."""
        ...

    def loss(self, network: Network, batch: Batch) -> Tensor:
        """Of the task, with gradients."""
        ...

    def tally(self, network: Network) -> Tally:
        """What the network scores on each row of dev."""
        ...

    def latency(self, network: Network) -> Latency:
        """Milliseconds for rows of dev."""
        ...

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
        """Train all weights of a network for some steps to say what the original says; the last weights stay.

        Args:
            network: changed in place.
            steps: of the optimiser.
            lr: its largest rate.
            after_step: called with the number of finished steps, gradients still present.
            penalty: added to the loss.
            inside: smaller networks on its weights, asked for at each step: these learn what it says, and it what the labels say.
        """
        ...


@dataclass(frozen=True)
class Vocabulary:
    """Other tokens than the network was trained on."""

    tokenizer: Tokens
    kept: NDArray[np.int64]
    """Numbers that its tokens had before, rising; the place of each is its new number."""


@dataclass(frozen=True)
class Smaller:
    """What a compressor made."""

    network: Network
    notes: list[str] = field(default_factory=list)
    """What was done and what a reader should know."""
    curve: list[Point] = field(default_factory=list)
    """The models on the way, where there are several."""
    importance: Importance | None = None
    """Of layers, heads and neurons before anything was taken out."""
    vocabulary: Vocabulary | None = None
    """What the network reads by from now on; None where that stays as it was."""


class Compressor(Link):
    """Base of every compressor; a member's file binds `MEMBER` to the class."""

    card: ClassVar[LinkCard]
    ends: ClassVar[bool] = False
    """Whether what it makes is no plain network any more, so that nothing can stand behind it."""
    restructures: ClassVar[bool] = True
    """Whether weights are fewer, at other places or other numbers afterwards, so that they cannot be held against those of the base."""

    @property
    def renumbers(self) -> bool:
        """Whether tokens have other numbers afterwards."""
        return False

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Why it cannot work on this body, in one line; None when it can."""
        del anatomy
        return None

    def further_steps(self, steps: int) -> int:
        """Optimiser steps that it takes on all weights, for a model that was trained for so many."""
        del steps
        return 0

    def compress(self, network: Network, shop: Workshop) -> Generator[Event, None, Smaller]:
        """Make the model smaller.

        Raises:
            SpecError: E-METHOD when the target cannot be reached.
        """
        raise NotImplementedError
