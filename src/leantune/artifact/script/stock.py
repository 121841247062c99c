"""The script's part for a model that brings its own classification head."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from leantune.artifact.script.adapter import load_body
from leantune.artifact.script.common import SETTINGS


def load_model(base: str | None) -> Any:
    """The model, ready to predict."""
    auto = AutoModelForTokenClassification if SETTINGS["words"] else AutoModelForSequenceClassification
    body = load_body(auto, base, num_labels=SETTINGS["outputs"])
    body.config.pad_token_id = SETTINGS["pad"]
    return body.eval()


def forward(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits (rows, labels)."""
    logits: torch.Tensor = model(**inputs).logits
    return logits
