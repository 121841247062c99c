"""LoRA: a low-rank update beside chosen linear maps.

    y = W x + (alpha / rank) B A x        W (out, in) frozen    A (rank, in)    B (out, rank)

Trains      rank * (in + out) numbers per site (DoRA: out more).    At start   B = 0: the model is unchanged.
Afterwards  merges into W exactly; loads in `peft`.                 Reference  Hu et al. 2021, arXiv:2106.09685.
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


class Lora(Method):
    """Low-rank updates beside chosen linear maps."""

    rank: int = Field(default=8, ge=1)
    """Rank of the update; cost grows linearly with it."""
    alpha: float | None = Field(default=None, gt=0)
    """Strength: the update is scaled by alpha / rank; twice the rank when not given."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Chance that an input feature of the update is zeroed while training."""
    sites: Sites = ("query", "value")
    """Where updates are added: query, key, value, attention_out, ffn_in, ffn_out, or `all` for all of them."""
    layers: Layers = None
    """Layers that get updates; all when not given; negative numbers count from the top."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank), stable at high ranks (Kalajdzievski 2023, arXiv:2312.03732)."""
    dora: bool = False
    """Train the length of each weight row beside its direction (Liu et al. 2024, arXiv:2402.09353)."""

    card: ClassVar[Card] = Card(
        title="LoRA",
        paper="Hu et al. 2021, arXiv:2106.09685",
        when="the default choice: close to full fine-tuning at a hundredth of the size, merges without a trace",
        rates=Rates(low=2e-4, start=5e-4, high=2e-3),
        four_bit=True,
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Sites or layers that the body does not have."""
        return missing(anatomy, self.sites, self.layers)

    def rates(self, anatomy: Anatomy) -> Rates:
        """Decoders start lower: 2e-4 instead of 5e-4; narrow bodies take larger steps."""
        chosen = Rates(low=1e-4, start=2e-4, high=1e-3) if anatomy.causal else self.card.rates
        return chosen.for_width(anatomy.hidden)

    def places(self, anatomy: Anatomy) -> tuple[Site, ...]:
        """The sites that get an update."""
        return anatomy.at(self.sites, self.layers)

    def cost(self, anatomy: Anatomy) -> int:
        """Per site rank * (in + out), plus the row lengths of DoRA."""
        return sum(self.rank * (site.inputs + site.outputs) + self.dora * site.outputs for site in self.places(anatomy))

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`."""
        options = {
            "r": self.rank,
            "lora_alpha": self.alpha or 2 * self.rank,
            "lora_dropout": self.dropout,
            "target_modules": exactly(self.places(target.anatomy)),
            "use_rslora": self.rslora,
            "use_dora": self.dora,
        }
        return wrap(target, "lora", options, seed=seed)


MEMBER = Lora
