"""Full fine-tuning: every weight is trained. The reference that the others are measured against.

    theta <- theta - step(gradient)        for every weight theta of the base and the head

Trains      all parameters.                            At start   the model is unchanged.
Afterwards  it is the model; all of it is stored.      Reference  Devlin et al. 2019, arXiv:1810.04805.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card, Method, Rates
from leantune.models.surgery import in_place

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class Full(Method):
    """Train every weight of the base and the head."""

    card: ClassVar[Card] = Card(
        title="Full fine-tuning",
        paper="Devlin et al. 2019, arXiv:1810.04805",
        when="the reference: best quality when there is data and room to store a whole model per task",
        rates=Rates(low=2e-5, start=5e-5, high=2e-4),
        head_factor=10.0,
        head_floor=1e-3,
        weight_decay=0.01,
    )

    def rates(self, anatomy: Anatomy) -> Rates:
        """Larger bodies take smaller steps: 1e-5 to 5e-5 above 30 M parameters, half of that above 1 G; those without layers are drawn."""
        if not anatomy.blocks:
            return Rates(low=5e-4, start=2e-3, high=1e-2)
        if anatomy.body_params > 1e9:
            return Rates(low=5e-6, start=1e-5, high=2e-5)
        return Rates(low=1e-5, start=2e-5, high=5e-5) if anatomy.body_params > 30e6 else self.card.rates

    def cost(self, anatomy: Anatomy) -> int:
        """All parameters of the body."""
        return anatomy.body_params

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Nothing is inserted."""
        del seed
        return in_place(target, target.anatomy.parameters, None)


MEMBER = Full
