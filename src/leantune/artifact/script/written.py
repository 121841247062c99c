"""The script's part for models that write texts."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS


def sources_of(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """What the model reads of each row; a decoder reads a line break behind the text."""
    most, between = SETTINGS["max_length"], []
    if SETTINGS["start"] is None:
        between = tokenizer("\n", add_special_tokens=False)["input_ids"]
        most -= SETTINGS["decoding"]["max_new_tokens"] + len(between)
    return [(ids or [tokenizer.pad_token_id]) + between for ids in tokenizer(texts, truncation=True, max_length=most)["input_ids"]]


def rectangle(rows: list[list[int]], pad: int, *, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Token numbers and mask, filled up with `pad` on one side."""
    width = max(len(row) for row in rows)
    fills = [[pad] * (width - len(row)) for row in rows]
    ids = [fill + row if left else row + fill for row, fill in zip(rows, fills, strict=True)]
    ones = [[0] * len(fill) + [1] * len(row) if left else [1] * len(row) + [0] * len(fill) for row, fill in zip(rows, fills, strict=True)]
    return torch.tensor(ids), torch.tensor(ones)


def likelihood(model: Any, source: list[int], target: list[int], start: int | None) -> float:
    """Geometric mean of the probabilities of the tokens of a text; `start` is the first token of a decoder of its own."""
    if start is None:
        logits = model(input_ids=torch.tensor([source + target])).logits[0, -len(target) - 1 : -1]
    else:
        logits = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[start, *target[:-1]]])).logits[0]
    found = logits.float().log_softmax(dim=-1)[range(len(target)), target]
    return float(found.mean().exp())


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """The text written for each row and how likely the model finds it."""
    del pairs
    tokenizer, start = AutoTokenizer.from_pretrained(FOLDER), SETTINGS["start"]
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    sources = [ids or [pad] for ids in sources_of(tokenizer, texts)]
    order = sorted(range(len(texts)), key=lambda row: len(sources[row]))
    found: list[tuple[Any, float]] = [("", 0.0)] * len(texts)
    for at in range(0, len(order), SETTINGS["rows"]):
        rows = order[at : at + SETTINGS["rows"]]
        ids, mask = rectangle([sources[row] for row in rows], pad, left=start is None)
        settings = {**SETTINGS["decoding"], "pad_token_id": pad, "eos_token_id": end}
        out = model.generate(input_ids=ids, attention_mask=mask, **settings)
        for row, new in zip(rows, out[:, ids.shape[1] if start is None else 1 :].tolist(), strict=True):
            said = new[: new.index(end) + 1] if end in new else new
            text = tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False).strip()
            found[row] = (text, likelihood(model, sources[row], said, start))
    return found
