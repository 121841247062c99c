"""Rank budget: AdaLoRA's two companions of the training loop, for a body that `peft` has wrapped.

    penalty()       weight * mean |P'P - I| + |QQ' - I|     keeps the directions of the update orthogonal
    after_step(n)   sets the least important singular values to zero until the budget is met

`peft` adds the penalty only when it computes the loss itself; here the loss is computed from the logits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

SHORTEST = 10
"""With fewer steps no importance can be measured, so the budget stays where it began."""


@dataclass
class RankBudget:
    """The state of the budget during one fit."""

    body: Any
    """What `peft` made; its base_model is an AdaLoraModel."""
    weight: float
    """Of the penalty."""
    steps: int
    pattern: dict[str, list[bool]] | None = field(default=None, init=False)
    """Which singular values are kept, by parameter; None until the first allocation."""

    def penalty(self) -> Tensor:
        """How far the directions are from orthogonal, a scalar."""
        parts = []
        for name, matrix in self.body.named_parameters():
            if ".lora_A." in name or ".lora_B." in name:
                product = matrix @ matrix.T if ".lora_A." in name else matrix.T @ matrix
                parts.append((product - product.new_ones(len(product)).diag()).norm())
        total: Tensor = sum(parts[1:], parts[0])
        return self.weight * total / len(parts)

    def after_step(self, step: int) -> None:
        """Measure importance from the gradients and, when due, zero what is beyond the budget."""
        if self.steps < SHORTEST:
            return
        tuner = self.body.base_model
        config = tuner.peft_config[tuner.trainable_adapter_name]
        # The pattern stays out of the configuration: stored beside weights of an earlier step (the best ones on dev),
        # it would cut off values that are not zero there.
        config.rank_pattern = self.pattern
        tuner.update_and_allocate(step)
        self.pattern, config.rank_pattern = config.rank_pattern, None

    def kept(self) -> int:
        """Singular values that are not zero, over all sites."""
        values = [p for name, p in self.body.named_parameters() if ".lora_E." in name]
        return sum(int((p != 0).sum()) for p in values)
