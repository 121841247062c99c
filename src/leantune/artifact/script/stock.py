"""The script's part for a model that brings its own classification head."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from leantune.artifact.script.adapter import load_body
from leantune.artifact.script.common import SETTINGS


def load_model(base: str | None) -> Any:
    """The model, ready to predict."""
    body = load_body(AutoModelForSequenceClassification, base, num_labels=len(SETTINGS["labels"]))
    body.config.pad_token_id = SETTINGS["pad"]
    return body.eval()


def forward(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits (rows, labels)."""
    logits: torch.Tensor = model(**inputs).logits
    return logits
