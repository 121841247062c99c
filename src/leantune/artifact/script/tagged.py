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


def encode(tokenizer: Any, words: list[str], about: str, **options: Any) -> tuple[Any, list[list[list[int]]], list[int]]:
    """The encoded pieces of a row, the characters of their tokens, and for each character of its text the word that it belongs to."""
    del about
    text = " ".join(words) or ("" if tokenizer("")["input_ids"] else tokenizer.pad_token)  # no token at all cannot be read
    letters = [-1 if place == len(word) else number for number, word in enumerate(words) for place in range(len(word) + 1)]
    coded = tokenizer([text], truncation=True, stride=options["max_length"] // 4, **options)
    return coded, coded.pop("offset_mapping").tolist(), letters


def begun(pieces: list[list[list[int]]], letters: list[int]) -> list[list[tuple[int, int]]]:
    """(word, token) of the words that begin in each piece: the first token that stands for a part of the word."""
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
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    tokenizer.padding_side = "right"
    labels = SETTINGS["labels"]
    options = {"return_overflowing_tokens": True, "return_offsets_mapping": True, "padding": True, "return_tensors": "pt"}
    found = []
    for words, about in zip(map(split_words, texts), pairs or [""] * len(texts), strict=True):
        coded, offsets, letters = encode(tokenizer, words, about, max_length=SETTINGS["max_length"], **options)
        coded.pop("overflow_to_sample_mapping")
        logits = forward(model, dict(coded)).float()
        chosen = torch.full((len(words), logits.shape[-1]), -30.0)
        chosen[:, labels.index("O") if "O" in labels else 0] = 30.0  # a word without a token of its own
        context = [-1] * len(words)
        for piece, places in enumerate(begun(offsets, letters)):
            for word, token in places:
                around = min(token, len(offsets[piece]) - 1 - token)
                if around > context[word]:
                    context[word], chosen[word] = around, logits[piece, token]
        found.append(answer(chosen.numpy(), labels))
    return found
