"""Masks that stand in a text are filled with the likeliest words, all at once.

    "It is a [MASK] day."  ->  ("It is a good day.", 0.31)        the probability of the word; of several words their geometric mean

The plain functions are copied into the artifact's `predict.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from leantune.models.network import Batch, Network


def pieces_of(tokenizer: Any, text: str, length: int) -> list[list[int]]:
    """The tokens of a text, those of a long one in several pieces behind each other."""
    coded = tokenizer(text, truncation=True, max_length=length, stride=0, return_overflowing_tokens=True)
    found = coded["input_ids"]
    pieces: list[list[int]] = found if found and isinstance(found[0], list) else [found]
    return [ids or [tokenizer.pad_token_id or 0] for ids in pieces]


def likeliest(tokenizer: Any, ids: list[int], logits: torch.Tensor) -> list[tuple[str, float]]:
    """The word for each mask of a piece and its probability, never a special token; logits (tokens, V)."""
    places = [at for at, token in enumerate(ids) if token == tokenizer.mask_token_id]
    likely = logits[places].float().softmax(dim=-1)
    likely[:, tokenizer.all_special_ids] = 0.0
    best, tokens = likely.max(dim=-1)
    return [(tokenizer.decode([token]).strip(), float(one)) for token, one in zip(tokens.tolist(), best, strict=True)]


def fill(text: str, mask: str, words: list[tuple[str, float]]) -> tuple[str, float]:
    """The text with a word for each mask, and the geometric mean of their probabilities; parts of words (##ing) join what is before.

    >>> fill("He is [MASK] [MASK].", "[MASK]", [("sing", 0.5), ("##ing", 0.5)])
    ('He is singing.', 0.5)
    """
    first, *rest = text.split(mask)
    found, likely = first, 1.0
    for (word, one), behind in zip(words, rest, strict=True):
        found = found.rstrip() + word[2:] if word.startswith("##") and len(word) > 2 else found + word
        found, likely = found + behind, likely * one ** (1 / len(words))
    return found, likely


@torch.inference_mode()
def filled(network: Network, tokenizer: Any, texts: Sequence[str], *, length: int, types: bool) -> list[tuple[str, float]]:
    """Each text with its masks filled; every text has one.

    Args:
        network: with a logit for each token of the vocabulary.
        tokenizer: of the base, with a mask token.
        texts: any.
        length: tokens of a piece.
        types: whether the base takes token types.
    """
    network.eval()
    device, found = next(network.parameters()).device, list[tuple[str, float]]()
    for text in texts:
        words = list[tuple[str, float]]()
        for ids in pieces_of(tokenizer, text, length):
            given = torch.tensor([ids])
            batch = Batch(given, torch.ones_like(given), torch.zeros_like(given) if types else None)
            words += likeliest(tokenizer, ids, network(batch.to(device))[0])
        found.append(fill(text, tokenizer.mask_token, words))
    return found
