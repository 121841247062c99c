"""Last layers: the top blocks are trained, everything below stays as it is.

    h_l = block_l(h_(l-1))        l <= L - k frozen, so no gradient is computed there        l > L - k trained

Trains      k blocks, the norms after them and the head.        At start   the model is unchanged.
Afterwards  it is the model; the changed blocks are stored.     Reference  Lee et al. 2019, arXiv:1911.03090.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from leantune.kinds.method import Card, Method, Rates
from leantune.models.surgery import below, carrier, in_place

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class LastLayers(Method):
    """Train the top blocks."""

    k: int = Field(default=2, ge=1)
    """How many of the top blocks are trained."""

    card: ClassVar[Card] = Card(
        title="Last layers",
        paper="Lee et al. 2019, arXiv:1911.03090",
        when="training time matters: nothing is computed backwards below the trained blocks",
        rates=Rates(low=5e-5, start=1e-4, high=4e-4),
        head_factor=10.0,
        weight_decay=0.01,
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Shared blocks, or fewer blocks than asked for."""
        count = len(anatomy.blocks)
        if anatomy.layers_run > count:
            return (
                f"the {anatomy.layers_run} layers of {anatomy.architecture} share their weights, so the last ones cannot be trained alone"
            )
        return f"{anatomy.architecture} has only {count} layers, so the last {self.k} do not exist" if self.k > count else None

    def rates(self, anatomy: Anatomy) -> Rates:
        """Larger bodies take smaller steps."""
        return Rates(low=2e-5, start=5e-5, high=1e-4) if anatomy.body_params > 30e6 else self.card.rates

    def places(self, anatomy: Anatomy) -> tuple[str, ...]:
        """Paths of the trained modules."""
        return (*anatomy.blocks[-self.k :], *anatomy.final_norms)

    def cost(self, anatomy: Anatomy) -> int:
        """Everything in the top blocks and the norms after them."""
        return anatomy.size(self.places(anatomy))

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Nothing is inserted."""
        del seed
        places = self.places(target.anatomy)
        return in_place(target, below(target, places), carrier(target, places))


MEMBER = LastLayers
