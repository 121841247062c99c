"""RuntimeBody: a compiled program of another runtime than torch in the place of a body; heads are inside of the program.

logits = run({"input_ids": (B, T), "attention_mask": (B, T)[, "token_type_ids": (B, T)]})

onnx_model.as_network(body, anatomy)          predicts and is measured like any network
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.utils import ModelOutput

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class RuntimeBody(nn.Module):
    """It has no parameters and no gradients."""

    def __init__(self, names: Sequence[str], config: PretrainedConfig) -> None:
        """`names`: of the inputs that the program takes."""
        super().__init__()
        self.names, self.config = list(names), config
        self.output = nn.Identity()

    def get_output_embeddings(self) -> nn.Module:
        """Inside of the program, so nothing ever passes through this."""
        return self.output

    def forward(self, **inputs: Tensor) -> ModelOutput:
        """Logits, on the device of the inputs."""
        found = self.run({name: inputs[name].cpu().numpy() for name in self.names})
        return ModelOutput(logits=torch.from_numpy(found).to(next(iter(inputs.values())).device))

    def run(self, given: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Logits (B, C) or (B, T, C).

        Args:
            given: (B, T) for each of `names`.
        """
        raise NotImplementedError
