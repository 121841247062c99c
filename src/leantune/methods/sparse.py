"""Sparse fine-tuning: a few entries of each weight are trained where they stand, the rest stays as it is.

    W' = W + D,  D is 0 but at rank * (in + out) places        the places: by=...

Trains      rank * (in + out) numbers per site, as many as LoRA.    At start   D = 0: the model is unchanged.
Afterwards  merges into W exactly; stored as places and values, which `peft` reads (SHiRA).
            by=magnitude: the largest |W|;  fisher: the largest E[(dL/dW)^2] on 64 training rows (Sung et al. 2021, arXiv:2111.09839);
            diff: those that a dense update with a gate before each number keeps, learned in half as many steps before (diff pruning,
            Guo et al. 2021, arXiv:2012.07463), which the trial's seconds count;  random: any.
Reference   Bhardwaj et al. 2024, arXiv:2406.13175.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from leantune.kinds.method import Card, Method, Rates
from leantune.models.places import Layers, Sites, missing
from leantune.models.surgery import exactly, wrap

if TYPE_CHECKING:
    from torch import Tensor

    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy, Site


class Sparse(Method):
    """A selected part of the weights."""

    rank: int = Field(default=8, ge=1)
    """As many entries as a LoRA of this rank has numbers."""
    by: Literal["magnitude", "fisher", "diff", "random"] = "magnitude"
    """Which entries: the largest ones, those with the largest squared gradients on training rows, those that diff pruning keeps, or any."""
    sites: Sites = ("query", "value")
    """Whose weights: query, key, value, attention_out, ffn_in, ffn_out, or `all` for all of them."""
    layers: Layers = None
    """Layers that are trained; all when not given; negative numbers count from the top."""

    card: ClassVar[Card] = Card(
        title="Sparse fine-tuning",
        paper="Bhardwaj et al. 2024, arXiv:2406.13175",
        when="the update shall be sparse: it switches quickly, and many of them can be added up with little overlap",
        rates=Rates(low=2e-4, start=1e-3, high=5e-3),
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Sites or layers that the body does not have, or that `peft` cannot do this to."""
        if reason := missing(anatomy, self.sites, self.layers):
            return reason
        if any(site.transposed for site in self.places(anatomy)):
            return f"peft does this to linear layers alone, and those of {anatomy.architecture} are of another class (Conv1D)"
        small = next((site for site in self.places(anatomy) if self._entries(site) > site.inputs * site.outputs), None)
        return f"rank={self.rank} asks for more entries than {small.path} has; use a lower one" if small else None

    def rates(self, anatomy: Anatomy) -> Rates:
        """Narrow bodies take larger steps."""
        return self.card.rates.for_width(anatomy.hidden)

    def places(self, anatomy: Anatomy) -> tuple[Site, ...]:
        """The sites whose weights are trained."""
        return anatomy.at(self.sites, self.layers)

    def _entries(self, site: Site) -> int:
        return self.rank * (site.inputs + site.outputs)

    def cost(self, anatomy: Anatomy) -> int:
        """Per site rank * (in + out)."""
        return sum(map(self._entries, self.places(anatomy)))

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`, which asks for a mask of each weight."""
        from leantune.models.entries import chosen_entries

        sites = self.places(target.anatomy)
        masks = chosen_entries(target, sites, self.by, [self._entries(site) for site in sites], seed=seed)

        def mask(part: Any, rank: int, **others: Any) -> Tensor:
            del rank, others
            return masks[id(part)]

        options = {"r": self.rank, "target_modules": exactly(sites), "random_seed": seed}
        return wrap(target, "shira", options, seed=seed, attributes={"mask_fn": mask})


MEMBER = Sparse
