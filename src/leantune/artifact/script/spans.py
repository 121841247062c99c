"""The script's part for answers that are spans of the second text."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoTokenizer

from leantune.artifact.script.common import FOLDER, SETTINGS, forward


def best_span(logits: torch.Tensor, offsets: list[list[int]], second: list[bool]) -> tuple[float, int, int, float, float]:
    """The best span of a piece: score, first and last character; the score of "not here"; the log of the sum over all places."""
    inside = [token for token, text in enumerate(second) if text]
    nothing, total = float(logits[0].sum()), float(logits[[0, *inside]].logsumexp(dim=0).sum())
    best = (float("-inf"), 0, 0)
    firsts, lasts = (sorted(inside, key=lambda token: -float(logits[token, side]))[:20] for side in (0, 1))
    for first in firsts:
        for last in lasts:
            score = float(logits[first, 0] + logits[last, 1])
            if 0 <= last - first < 30 and score > best[0]:
                best = (score, offsets[first][0], offsets[last][1])
    return (*best, nothing, total)


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """Answer and score of each row; long texts are read in overlapping pieces."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    tokenizer.padding_side = "right"
    most = SETTINGS["max_length"]
    found: list[tuple[Any, float]] = []
    for question, text in zip(texts, pairs or [], strict=True):
        if len(tokenizer(question)["input_ids"]) > most - most // 4 - 2:  # it leaves the text too little room
            kept = tokenizer(question, truncation=True, max_length=most - most // 4 - 2, return_offsets_mapping=True)
            question = question[: max(end for _, end in kept["offset_mapping"])]
        room = most - len(tokenizer(question)["input_ids"]) - 2
        if not (text or tokenizer(question)["input_ids"]):
            question = tokenizer.pad_token  # no token at all cannot be read
        options = {"return_overflowing_tokens": True, "return_offsets_mapping": True, "padding": True, "return_tensors": "pt"}
        coded = tokenizer([question], [text], truncation="only_second", max_length=most, stride=max(1, room // 4), **options)
        offsets = coded.pop("offset_mapping").tolist()
        coded.pop("overflow_to_sample_mapping")
        second = [[part == 1 for part in coded.sequence_ids(piece)] for piece in range(len(offsets))]
        logits = forward(model, dict(coded)).float()
        pieces = [best_span(logits[piece], offsets[piece], second[piece]) for piece in range(len(offsets))]
        score, start, end, _, total = max(pieces)
        nothing, all_of_it = min(piece[3:] for piece in pieces)
        if score == float("-inf") or ("no answer" in SETTINGS["labels"] and nothing > score):
            score, start, end, total = nothing, 0, 0, all_of_it
        found.append((text[start:end].strip(), min(1.0, float(torch.tensor(score - total).exp()))))
    return found
