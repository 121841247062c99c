"""Norm tuning: only the scales and shifts of the normalisation layers are trained.

    y = g * (x - mean(x)) / std(x) + b        g, b (width) trained, everything else frozen (RMS norms have no b)

Trains      4 d per BERT layer of width d.                   At start   g, b as loaded: the model is unchanged.
Afterwards  the norms stand in place, nothing to merge.      Reference  Zhao et al. 2023, arXiv:2312.11420.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card, Method, Rates
from leantune.models.surgery import below, carrier, in_place

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class Norm(Method):
    """Train scales and shifts of the normalisation layers."""

    card: ClassVar[Card] = Card(
        title="Norm tuning",
        paper="Zhao et al. 2023, arXiv:2312.11420",
        when="the smallest change that reaches every layer, also where the base has no biases for BitFit",
        rates=Rates(low=3e-4, start=1e-3, high=5e-3),
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """A body without norms would silently be head tuning."""
        return None if anatomy.norms else f"{anatomy.architecture} has no norms"

    def cost(self, anatomy: Anatomy) -> int:
        """All scales and shifts, those of the embeddings included."""
        return anatomy.size(anatomy.norms)

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Nothing is inserted."""
        del seed
        norms = target.anatomy.norms
        return in_place(target, below(target, norms), carrier(target, norms))


MEMBER = Norm
