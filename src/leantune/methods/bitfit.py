"""BitFit: only the bias terms are trained.

    y = W x + b        W (out, in) frozen        b (out) trained, in every linear map and norm

Trains      every bias: 11 d per BERT layer of width d.          At start   b as loaded: the model is unchanged.
Afterwards  the biases stand in place, nothing to merge.         Reference  Ben Zaken et al. 2021, arXiv:2106.10199.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card, Method, Rates
from leantune.models.surgery import carrier, in_place

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class BitFit(Method):
    """Train the bias terms."""

    card: ClassVar[Card] = Card(
        title="BitFit",
        paper="Ben Zaken et al. 2021, arXiv:2106.10199",
        when="few rows (under about 5,000) and many tasks: a tenth of a percent of the weights, no extra computation when predicting",
        rates=Rates(low=3e-4, start=1e-3, high=3e-3),
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """A body without biases would silently be head tuning."""
        return None if anatomy.biases else f"{anatomy.architecture} has no bias terms"

    def cost(self, anatomy: Anatomy) -> int:
        """All biases, those of norms included."""
        return anatomy.size(anatomy.biases)

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Nothing is inserted."""
        del seed
        return in_place(target, target.anatomy.biases, carrier(target, biases=True))


MEMBER = BitFit
