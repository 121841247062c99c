"""The script's part for a causal language model: how likely a text is, each token by those before it."""

from __future__ import annotations

from math import exp
from typing import Any

import torch
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """The perplexity of each text, and its inverse; a long text is read in pieces."""
    del pairs
    tokenizer, length, found = AutoTokenizer.from_pretrained(FOLDER), SETTINGS["max_length"], []
    for text in texts:
        whole, lost = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id], 0.0
        for start in range(0, len(whole) - 1, length - 1):
            ids = whole[start : start + length]
            given = torch.tensor([ids])
            logits = model(input_ids=given, attention_mask=torch.ones_like(given)).logits[0, -len(ids) : -1]
            lost -= float(logits.float().log_softmax(dim=-1)[range(len(ids) - 1), ids[1:]].sum())
        mean = lost / max(len(whole) - 1, 1)
        found.append((f"perplexity {exp(mean):.1f}", exp(-mean)))
    return found
