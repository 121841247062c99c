"""The script's part for rows with options of their own, each of which is read behind the text."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS, answer, forward


def options_of(cell: str) -> list[str]:
    """The options in a cell: a list of texts or of objects with a text, a list under "text", or an object of texts."""
    try:
        found = json.loads(cell, parse_float=str, parse_int=str)
    except ValueError:
        sys.exit(f'error: "{cell[:60]}" is no list of options. Write ["first option", "second option"].')
    if isinstance(found, dict):
        found = found["text"] if isinstance(found.get("text"), list) else list(found.values())
    texts = [one.get("text") if isinstance(one, dict) else one for one in found]
    return [text.strip() for text in texts if text]


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """The likeliest option and its score of each row."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)  # it cuts texts that are too long on the left
    tokenizer.padding_side = "right"
    given = [options_of(cell) for cell in pairs or []]
    read = [(text, option) for text, options in zip(texts, given, strict=True) for option in options]
    settings = {"truncation": True, "max_length": SETTINGS["max_length"], "padding": True, "return_tensors": "pt"}
    order = sorted(range(len(read)), key=lambda place: len(read[place][0]) + len(read[place][1]))
    scores = torch.zeros(len(read))
    for start in range(0, len(order), 32):
        places = order[start : start + 32]
        firsts, seconds = zip(*(read[place] for place in places), strict=True)
        scores[places] = forward(model, dict(tokenizer(list(firsts), list(seconds), **settings))).float().squeeze(-1)
    rows = torch.split(scores, [len(options) for options in given])
    return [answer(row.numpy(), options) for row, options in zip(rows, given, strict=True)]
