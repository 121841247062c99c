"""AdaLoRA: a low-rank update in three factors whose rank moves to the sites that need it.

    y = W x + (alpha / rank) P diag(e) Q x        Q (rank, in)    e (rank)    P (out, rank)
    loss + orthogonality * mean(|P'P - I| + |QQ' - I|)        the least important e are set to zero, step by step

Trains      rank * (in + out + 1) numbers per site at the start.    At start   e = 0: the model is unchanged.
Afterwards  merges into W exactly; loads in `peft`.                 Reference  Zhang et al. 2023, arXiv:2303.10512.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from leantune.kinds.method import Card, Method, Rates
from leantune.models.places import Layers, Sites, missing
from leantune.models.rank_budget import RankBudget
from leantune.models.surgery import exactly, wrap

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy, Site


class AdaLora(Method):
    """Low-rank updates with a rank budget."""

    rank: int = Field(default=12, ge=2)
    """Rank of every site at the start."""
    target_rank: int = Field(default=8, ge=1)
    """Mean rank of a site at the end; smaller than `rank`."""
    alpha: float | None = Field(default=None, gt=0)
    """Strength: the update is scaled by alpha / rank; twice the rank when not given."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Chance that an input feature of the update is zeroed while training."""
    orthogonality: float = Field(default=0.1, ge=0)
    """Weight of the orthogonality penalty in the loss."""
    full_share: float = Field(default=0.1, ge=0, lt=0.5)
    """Share of the steps before the budget begins to shrink."""
    final_share: float = Field(default=0.3, ge=0, lt=0.5)
    """Share of the steps after the budget is reached."""
    sites: Sites = ("query", "value")
    """Where updates are added: query, key, value, attention_out, ffn_in, ffn_out, or `all` for all of them."""
    layers: Layers = None
    """Layers that get updates; all when not given; negative numbers count from the top."""

    card: ClassVar[Card] = Card(
        title="AdaLoRA",
        paper="Zhang et al. 2023, arXiv:2303.10512",
        when="many steps and a tight parameter budget; in short runs plain LoRA is as good and faster",
        rates=Rates(low=5e-4, start=1e-3, high=4e-3),
        four_bit=True,
    )

    @model_validator(mode="after")
    def _shrinks(self) -> Self:
        if self.target_rank >= self.rank:
            raise ValueError(f"target_rank ({self.target_rank}) must be smaller than rank ({self.rank}); for a fixed rank use lora")
        return self

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Sites or layers that the body does not have."""
        return missing(anatomy, self.sites, self.layers)

    def rates(self, anatomy: Anatomy) -> Rates:
        """Narrow bodies take larger steps."""
        return self.card.rates.for_width(anatomy.hidden)

    def places(self, anatomy: Anatomy) -> tuple[Site, ...]:
        """The sites that get an update."""
        return anatomy.at(self.sites, self.layers)

    def cost(self, anatomy: Anatomy) -> int:
        """Per site rank * (in + out + 1), before the budget shrinks."""
        return sum(self.rank * (site.inputs + site.outputs + 1) for site in self.places(anatomy))

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`; the penalty and the budget are values of the adaptation."""
        steps = max(target.steps, 1)
        options = {
            "init_r": self.rank,
            "target_r": self.target_rank,
            "lora_alpha": self.alpha or 2 * self.rank,
            "lora_dropout": self.dropout,
            "orth_reg_weight": self.orthogonality,
            "total_step": steps,
            "tinit": int(steps * self.full_share),
            "tfinal": int(steps * self.final_share),
            "deltaT": max(1, steps // 100),
            "target_modules": exactly(self.places(target.anatomy)),
        }
        adapted = wrap(target, "adalora", options, seed=seed)
        budget = RankBudget(adapted.body, self.orthogonality, steps)
        return replace(adapted, penalty=budget.penalty if self.orthogonality else None, after_step=budget.after_step, own=budget)


MEMBER = AdaLora
