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


def begun(pieces: list[list[list[int]]], words: list[str]) -> list[list[tuple[int, int]]]:
    """(word, token) of the words that begin in each piece: the first token that stands for a part of the word."""
    letters = [-1 if place == len(word) else number for number, word in enumerate(words) for place in range(len(word) + 1)]
    firsts, found = dict[int, int](), []
    for offsets in pieces:
        places = dict[int, int]()
        for token, (start, end) in enumerate(offsets):
            word = next((word for word in letters[start:end] if word >= 0), -1)
            if word >= 0 and word not in places and firsts.setdefault(word, start) == start:
                places[word] = token
        found.append(list(places.items()))
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
        text = " ".join(words) or ("" if tokenizer("")["input_ids"] else tokenizer.pad_token)  # no token at all cannot be read
        coded = tokenizer([text], truncation=True, max_length=most, return_tensors="pt", **options)
        offsets = coded.pop("offset_mapping").tolist()
        coded.pop("overflow_to_sample_mapping")
        logits = forward(model, dict(coded)).float()
        chosen = torch.full((len(words), logits.shape[-1]), -30.0)
        chosen[:, labels.index("O") if "O" in labels else 0] = 30.0  # a word without a token of its own
        context = [-1] * len(words)
        for piece, places in enumerate(begun(offsets, words)):
            for word, token in places:
                around = min(token, len(offsets[piece]) - 1 - token)
                if around > context[word]:
                    context[word], chosen[word] = around, logits[piece, token]
        found.append(answer(chosen, labels))
    return found
