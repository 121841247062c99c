"""The script's part for rows of words, each of which gets a tag."""

from __future__ import annotations

import json
from typing import Any

import torch
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS, answer, forward


def split_words(cell: str) -> list[str]:
    """The words in a cell: a JSON list, or words between spaces."""
    try:
        found = json.loads(cell) if cell.lstrip().startswith("[") else cell.split()
    except ValueError:
        found = cell.split()
    return [str(word) for word in found]


def begun(offsets: list[list[int]], words: list[str]) -> list[tuple[int, int]]:
    """(word, token) for each word that begins in a piece; some tokenizers count the space before a word to its first token."""
    starts, found, begin = {}, list[tuple[int, int]](), 0
    for word, text in enumerate(words):
        starts[begin] = word
        begin += len(text) + 1
    for token, (start, end) in enumerate(offsets):
        word = next((starts[at] for at in (start, start + 1) if at in starts and at < end), -1)
        if word >= 0 and (not found or found[-1][0] != word):
            found.append((word, token))
    return found


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """Tags and score of each row; long rows are read in overlapping pieces, each word where it has more context."""
    del pairs
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    tokenizer.padding_side = "right"
    labels, most = SETTINGS["labels"], SETTINGS["max_length"]
    found = []
    for words in map(split_words, texts):
        options = {"stride": most // 4, "return_overflowing_tokens": True, "return_offsets_mapping": True, "padding": True}
        coded = tokenizer([" ".join(words)], truncation=True, max_length=most, return_tensors="pt", **options)
        offsets = coded.pop("offset_mapping").tolist()
        coded.pop("overflow_to_sample_mapping")
        logits = forward(model, dict(coded)).float()
        chosen = torch.full((len(words), logits.shape[-1]), -30.0)
        chosen[:, labels.index("O") if "O" in labels else 0] = 30.0  # a word without a token of its own
        context = [-1] * len(words)
        for piece, places in enumerate(offsets):
            for word, token in begun(places, words):
                if min(token, len(places) - token) > context[word]:
                    context[word], chosen[word] = min(token, len(places) - token), logits[piece, token]
        found.append(answer(chosen, labels))
    return found
