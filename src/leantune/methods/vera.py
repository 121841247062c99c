"""VeRA: two trained vectors around one pair of random matrices that all layers share.

    y = W x + b * (B (d * (A x)))        A (rank, in), B (out, rank) random, frozen, shared    d (rank), b (out) trained

Trains      rank + out numbers per site.        At start   b = 0: the model is unchanged.
Afterwards  merges into W exactly.              Reference  Kopiczko et al. 2023, arXiv:2310.11454.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from leantune.kinds.method import Card, Method, Rates
from leantune.models.places import Layers, Sites, missing
from leantune.models.surgery import exactly, wrap

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy, Site


class Vera(Method):
    """Trained vectors around shared random matrices."""

    rank: int = Field(default=256, ge=1)
    """Rank of the shared random matrices; a site trains one number per rank and per output."""
    d_initial: float = Field(default=0.1, gt=0)
    """First value of the inner vector d."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Chance that an input feature of the update is zeroed while training."""
    sites: Sites = ("query", "value")
    """Where updates are added: query, key, value, attention_out, ffn_in, ffn_out, or `all` for all of them."""
    layers: Layers = None
    """Layers that get updates; all when not given; negative numbers count from the top."""
    store_projection: bool = True
    """Store the random matrices with the delta; without them it is tiny, but relies on the same random numbers when loaded."""

    card: ClassVar[Card] = Card(
        title="VeRA",
        paper="Kopiczko et al. 2023, arXiv:2310.11454",
        when="LoRA's reach with a tenth of its trained numbers; wants a high learning rate",
        rates=Rates(low=4e-3, start=1e-2, high=4e-2),
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Sites or layers that the body does not have."""
        return missing(anatomy, self.sites, self.layers)

    def places(self, anatomy: Anatomy) -> tuple[Site, ...]:
        """The sites that get an update."""
        return anatomy.at(self.sites, self.layers)

    def cost(self, anatomy: Anatomy) -> int:
        """Per site rank + out."""
        return sum(self.rank + site.outputs for site in self.places(anatomy))

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`."""
        options = {
            "r": self.rank,
            "target_modules": exactly(self.places(target.anatomy)),
            "d_initial": self.d_initial,
            "vera_dropout": self.dropout,
            "projection_prng_key": seed,
            "save_projection": self.store_projection,
        }
        return wrap(target, "vera", options, seed=seed)


MEMBER = Vera
