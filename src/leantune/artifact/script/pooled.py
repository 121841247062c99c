"""The script's part for an encoder whose token states are pooled into a linear head."""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoModel

from leantune.artifact.script.adapter import load_body
from leantune.artifact.script.common import FOLDER, SETTINGS


def token_states(body: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """States of the tokens (rows, tokens, width)."""
    states: torch.Tensor = body(**inputs).last_hidden_state
    return states


def load_model(base: str | None) -> Any:
    """The encoder and the weights of its head, ready to predict."""
    return load_body(AutoModel, base).eval(), load_file(FOLDER / "2_Dense" / "model.safetensors")


def forward(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits (rows, outputs), or (rows, tokens, outputs) where every token is read: the states, mapped linearly."""
    body, head = model
    states, mask = token_states(body, inputs), inputs["attention_mask"]
    if SETTINGS["layout"] == "tokens":
        pooled = states
    elif SETTINGS["layout"] == "cls":
        pooled = states[:, 0]
    elif SETTINGS["layout"] == "last":
        pooled = states[torch.arange(len(states)), mask.sum(dim=1) - 1]
    else:
        weights = mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)
    if SETTINGS["unit"]:
        pooled = torch.nn.functional.normalize(pooled, dim=-1)
    return torch.nn.functional.linear(pooled, head["linear.weight"], head["linear.bias"])
