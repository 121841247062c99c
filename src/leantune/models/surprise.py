"""How surprising each token of a text is to a decoder: its self-information, -log p(token | all before it).

    Surprise(base, device)([464, 3807, 373])        [9.1, 5.2, 2.4]

Reference: Li et al. 2023, arXiv:2310.06201 (Selective Context).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM

from leantune.models.base import Base, load_pretrained
from leantune.models.build import has_stock, is_decoder, lacks_head
from leantune.models.heads import is_transducer

READ = 512
"""Tokens that are read at once; of longer texts each token sees half as many before it at least."""


def surprises(model: Any, ids: list[int], start: int, room: int) -> list[float]:
    """The surprise of each token.

    Args:
        model: a decoder with its head over the vocabulary.
        ids: of a text, special tokens left out.
        start: what stands before the text.
        room: tokens that the model reads at once.
    """
    whole, found = [start, *ids], list[float]()
    while len(found) < len(ids):
        first = max(0, len(found) + 1 - room // 2)
        window = torch.tensor([whole[first : first + room]], device=model.device)
        with torch.inference_mode():
            likely = model(input_ids=window).logits[0, :-1].float().log_softmax(dim=-1)
        told = -likely.gather(1, window[0, 1:, None])[:, 0]
        found += told[len(found) - first :].tolist()
    return found


def unfit(base: Base) -> str | None:
    """Why a base cannot say how surprising words are, in one line; None when it can."""
    if is_transducer(base.config) or not (is_decoder(base) and has_stock(base.config, "text")):
        return f"{base.name} is no decoder, so it cannot say how much each word tells"
    if lacks_head(base, "text"):
        return f"{base.name} was not trained to go on with texts, so it cannot say how much each word tells"
    return None


def before_text(base: Base) -> int:
    """What stands before a text: the token that begins or ends texts."""
    tokenizer = base.tokenizer
    return next((int(token) for token in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) if token is not None), 0)


def at_once(base: Base) -> int:
    """Tokens that a base reads at once for this: by its positions, for the tokenizer of an artifact stops at what was trained."""
    positions = getattr(base.config, "max_position_embeddings", None) or getattr(base.config, "n_positions", None)
    return min(READ, positions or READ)


class Surprise:
    """A base as it is, which is read when it is first asked."""

    def __init__(self, base: Base, device: torch.device) -> None:
        """Read nothing yet."""
        self.base, self.device = base, device
        self.model: Any = None

    def __call__(self, ids: list[int]) -> list[float]:
        """The surprise of each token of a text."""
        if self.model is None:
            self.model = load_pretrained(AutoModelForCausalLM, self.base.location, dtype=torch.float32).to(self.device).eval()
        return surprises(self.model, ids, before_text(self.base), at_once(self.base))

    def rest(self) -> None:
        """Give the memory back; the next question reads the base again."""
        self.model = None
