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


IMPORTANCE = ("ipt", "exp_avg_ipt", "exp_avg_unc")
"""What `peft` measures of each parameter: its importance, a running mean of it, and one of how much it varies."""


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

    def pack(self) -> dict[str, Tensor]:
        """Importance and pattern, for a checkpoint."""
        import torch

        measured = self.body.base_model.rankallocator
        found = {f"{kind}/{name}": value for kind in IMPORTANCE for name, value in getattr(measured, kind).items()}
        return found | {f"pattern/{name}": torch.tensor(kept) for name, kept in (self.pattern or {}).items()}

    def unpack(self, tensors: dict[str, Tensor]) -> None:
        """Those of a checkpoint."""
        measured = self.body.base_model.rankallocator
        device = next(iter(self.body.parameters())).device
        parts: dict[str, dict[str, Tensor]] = {kind: {} for kind in (*IMPORTANCE, "pattern")}
        for key, value in tensors.items():
            kind, name = key.split("/", 1)
            parts[kind][name] = value
        for kind in IMPORTANCE:
            setattr(measured, kind, {name: value.to(device) for name, value in parts[kind].items()})
        self.pattern = {name: value.tolist() for name, value in parts["pattern"].items()} or None

    def kept(self) -> int:
        """Singular values that are not zero, over all sites."""
        values = [p for name, p in self.body.named_parameters() if ".lora_E." in name]
        return sum(int((p != 0).sum()) for p in values)
