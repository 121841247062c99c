"""The script's part for a model that brings its own head."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from leantune.artifact.script.adapter import load_body
from leantune.artifact.script.common import SETTINGS


def load_model(base: str | None) -> Any:
    """The model, ready to predict."""
    labels = {"num_labels": SETTINGS["outputs"]} if SETTINGS["outputs"] else {}
    body = load_body(getattr(transformers, SETTINGS["model"]), base, **labels)
    body.config.pad_token_id = SETTINGS["pad"]
    return body.eval()


def forward(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits (rows, outputs), or (rows, tokens, outputs) where every token is read."""
    if type(model).__name__ == "PeftModelForQuestionAnswering":
        model = model.base_model  # peft's class drops the token types; what it wraps takes them
    found = model(**inputs)
    logits: torch.Tensor = found.logits if "logits" in found else torch.stack([found.start_logits, found.end_logits], dim=-1)
    return logits
