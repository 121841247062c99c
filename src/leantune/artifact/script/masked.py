"""The script's part for a masked language model: masks in a text are filled; a text without any is judged by tokens hidden for that."""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS
from leantune.data.masking import always_same, hide
from leantune.evaluate.masks import fill, likeliest, pieces_of


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """The filled text and how likely the words are; without a mask the perplexity, and its inverse."""
    del pairs
    tokenizer, found = AutoTokenizer.from_pretrained(FOLDER), list[tuple[Any, float]]()
    mask, size, special = tokenizer.mask_token_id, len(tokenizer), tokenizer.all_special_ids
    for text in texts:
        open_masks, words, lost, count = tokenizer.mask_token in text, [], 0.0, 0
        for ids in pieces_of(tokenizer, text, SETTINGS["max_length"]):
            whole = np.array(ids, dtype=np.int32)
            read, sought = (whole, whole) if open_masks else hide(whole, always_same(whole), mask, size, special)
            given = torch.tensor([read.tolist()])
            logits = model(input_ids=given, attention_mask=torch.ones_like(given)).logits[0, -len(ids) :].float()
            if open_masks:
                words += likeliest(tokenizer, ids, logits)
                continue
            places = np.flatnonzero(sought >= 0)
            lost -= float(logits[places].log_softmax(dim=-1)[range(len(places)), sought[places].tolist()].sum())
            count += len(places)
        mean = lost / max(count, 1)
        found.append(fill(text, tokenizer.mask_token, words) if open_masks else (f"perplexity {exp(mean):.1f}", exp(-mean)))
    return found
