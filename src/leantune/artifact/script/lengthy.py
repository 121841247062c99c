"""The script's part for texts of which other parts than the beginning are read where they are too long, or all of them in windows."""

from __future__ import annotations

import json
from typing import Any

import torch
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS, answer, forward, scorer
from leantune.artifact.script.written import rectangle
from leantune.data.reading import read


def logits_of(model: Any, tokenizer: Any, pieces: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    """Logits (pieces, outputs), in batches of like length."""
    pad = tokenizer.pad_token_id or 0
    order = sorted(range(len(pieces)), key=lambda place: len(pieces[place][0]))
    found = torch.zeros(0)
    for start in range(0, len(order), 32):
        chosen = [pieces[place] for place in order[start : start + 32]]
        ids, mask = rectangle([ids or [pad] for ids, _ in chosen], pad, left=False)
        inputs = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in tokenizer.model_input_names:
            inputs["token_type_ids"] = rectangle([types or [0] for _, types in chosen], 0, left=False)[0]
        found = torch.cat([found, forward(model, inputs).float()])
    return found[torch.tensor(order).argsort()]


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """Answer and score of each row, from the mean (or the largest) of the logits of its pieces."""
    tokenizer, known = AutoTokenizer.from_pretrained(FOLDER), FOLDER / "known.json"
    taught = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else {}
    found, informed = [], scorer()
    for start in range(0, len(texts), 32):
        second = pairs[start : start + 32] if pairs else None
        rows = read(tokenizer, texts[start : start + 32], second, SETTINGS["max_length"], SETTINGS["ways"], taught, informed)
        logits = logits_of(model, tokenizer, [piece for own in rows for piece in own])
        for own in torch.split(logits, [len(own) for own in rows]):
            pooled = own.max(dim=0).values if SETTINGS["pool"] == "max" else own.mean(dim=0)
            found.append(answer(pooled.numpy(), SETTINGS["labels"]))
    return found
