"""IA3: learned scales on keys, values and the inner activations of the feed-forward part.

    k = l_k * (W_k x)        v = l_v * (W_v x)        y = W_out (l_ff * act(W_in x))        l (width) trained

Trains      2 d + f per layer (width d, inner width f).      At start   l = 1: the model is unchanged.
Afterwards  merges into the weights exactly.                 Reference  Liu et al. 2022, arXiv:2205.05638.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card, Method, Rates
from leantune.models.places import missing
from leantune.models.surgery import exactly, wrap

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy

SCALED_OUTPUTS = ("key", "value")
SCALED_INPUTS = ("ffn_out",)


class Ia3(Method):
    """Learned scales on keys, values and inner activations."""

    card: ClassVar[Card] = Card(
        title="(IA)³",
        paper="Liu et al. 2022, arXiv:2205.05638",
        when="a delta of a few kilobytes that merges without a trace; wants a high learning rate",
        rates=Rates(low=2e-3, start=5e-3, high=2e-2),
        four_bit=True,
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """A body without these sites."""
        return missing(anatomy, SCALED_OUTPUTS + SCALED_INPUTS)

    def cost(self, anatomy: Anatomy) -> int:
        """One number per output of keys and values, one per input of the feed-forward output."""
        outputs = sum(site.outputs for site in anatomy.at(SCALED_OUTPUTS))
        return outputs + sum(site.inputs for site in anatomy.at(SCALED_INPUTS))

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`."""
        inner = target.anatomy.at(SCALED_INPUTS)
        every = exactly(target.anatomy.at(SCALED_OUTPUTS) + inner)
        return wrap(target, "ia3", {"target_modules": every, "feedforward_modules": exactly(inner)}, seed=seed)


MEMBER = Ia3
