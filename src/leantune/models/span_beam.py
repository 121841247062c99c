"""Spans that an encoder-decoder puts into many texts at once, the same ones everywhere: a beam search over all texts together.

    thank you <extra_id_0> to your party <extra_id_1>        <extra_id_0> for inviting me <extra_id_1> last week <extra_id_2>

    score(spans) = sum over texts x of log p(<extra_id_0> first span <extra_id_1> second span <extra_id_2> | x)

Reference: Gao et al. 2021, arXiv:2012.15723, section 5.2; the signs: Raffel et al. 2020, arXiv:1910.10683.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM, DynamicCache, EncoderDecoderCache

from leantune.core.errors import SpecError
from leantune.models.base import Base, load_pretrained
from leantune.models.heads import is_transducer

SIGNS = tuple(f"<extra_id_{number}>" for number in range(3))
"""What stands for the first and the second span that is left out, and behind the last one."""
LENGTH = 16
"""Tokens of all spans at most, signs included."""


@dataclass(frozen=True)
class Filling:
    """Spans that go with all texts."""

    spans: tuple[tuple[int, ...], ...]
    score: float


def fills_spans(base: Base) -> bool:
    """Whether a base is an encoder-decoder with signs for spans that were left out."""
    known = base.tokenizer.get_vocab()
    return is_transducer(base.config) and all(sign in known for sign in SIGNS)


def require_spans(base: Base) -> None:
    """Raise SpecError (E-MODEL) for a base that fills no spans."""
    if not fills_spans(base):
        what = "it has no signs for spans (<extra_id_0> ...)" if is_transducer(base.config) else "it is no encoder-decoder"
        raise SpecError(
            f"--generator {base.name}: {what}, so it cannot fill gaps in a text. Choose a T5 (t5-small, t5-base ...).", "E-MODEL"
        )


@dataclass(frozen=True)
class _Open:
    """Spans that are not complete yet."""

    tokens: tuple[int, ...]
    """What was written: the first sign and all behind it."""
    begun: int
    """Spans that were begun."""
    score: float
    cache: EncoderDecoderCache
    """What the decoder knows of all but the last token."""


class SpanFiller:
    """A loaded encoder-decoder; nothing in it is trained."""

    def __init__(self, base: Base, device: torch.device) -> None:
        """Read the weights."""
        self.base, self.device = base, device
        self.model = load_pretrained(AutoModelForSeq2SeqLM, base.location, dtype=torch.float32).to(device).eval()
        self.signs = [int(number) for number in base.tokenizer.convert_tokens_to_ids(list(SIGNS))]

    @torch.inference_mode()
    def fill(self, texts: Sequence[Sequence[int]], spans: int, *, beams: int, length: int = LENGTH) -> list[Filling]:
        """The likeliest spans, the best first, at most `beams`.

        Args:
            texts: tokens of each text with `spans` signs in it.
            spans: 1 or 2.
            beams: beginnings that are followed at the same time.
            length: tokens that are written at most, signs included.
        """
        state, mask = self._encoded(texts)
        start = _Open((int(self.model.config.decoder_start_token_id),), 0, 0.0, EncoderDecoderCache(DynamicCache(), DynamicCache()))
        scores, cache = self._next(start, state, mask)
        open_ones, found = [_Open((*start.tokens, self.signs[0]), 1, float(scores[self.signs[0]]), cache)], list[Filling]()
        for left in range(length - 1, 0, -1):
            grown = list[_Open]()
            for one in open_ones:
                scores, cache = self._next(one, state, mask)
                sign = self.signs[one.begun]
                if one.begun == spans:
                    found.append(Filling(self._apart(one.tokens), one.score + float(scores[sign])))
                # A word where there is room for the signs that must still come; the sign of the next span where there is one.
                allowed = self._words if left > spans - one.begun + 1 else torch.zeros_like(self._words)
                allowed = allowed | (self._numbers == sign) if one.begun < spans else allowed
                best = scores.masked_fill(~allowed, -torch.inf).topk(min(beams, int(allowed.sum())))
                for value, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                    grown.append(_Open((*one.tokens, token), one.begun + (token == sign), one.score + value, cache))
            found = sorted(found, key=lambda one: -one.score)[:beams]
            least = found[-1].score if len(found) == beams else -torch.inf  # no beginning becomes likelier by what follows
            open_ones = sorted((one for one in grown if one.score > least), key=lambda one: -one.score)[:beams]
        return found

    def _encoded(self, texts: Sequence[Sequence[int]]) -> tuple[Any, Tensor]:
        longest, pad = max(map(len, texts)), int(self.base.tokenizer.pad_token_id or 0)
        ids = torch.tensor([[*text, *[pad] * (longest - len(text))] for text in texts], device=self.device)
        mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts], device=self.device)
        return self.model.get_encoder()(input_ids=ids, attention_mask=mask), mask

    def _next(self, one: _Open, state: Any, mask: Tensor) -> tuple[Tensor, EncoderDecoderCache]:
        """(V,) log-probability of the next token, summed over the texts; what the texts say to the decoder is computed once."""
        cache = EncoderDecoderCache(copy.deepcopy(one.cache.self_attention_cache), one.cache.cross_attention_cache)
        last = torch.full((len(mask), 1), one.tokens[-1], device=self.device)
        said = self.model(encoder_outputs=state, attention_mask=mask, decoder_input_ids=last, past_key_values=cache, use_cache=True)
        return said.logits[:, -1].double().log_softmax(dim=-1).sum(dim=0), cache

    @cached_property
    def _words(self) -> Tensor:
        """(V,) tokens that may stand in a span: no special ones, no signs."""
        known, size = self.base.tokenizer.get_vocab(), self.model.get_output_embeddings().weight.shape[0]
        signs = {number for name, number in known.items() if name.startswith("<extra_id_")}
        words = set(known.values()) - set(self.base.tokenizer.all_special_ids) - signs
        found = torch.zeros(size, dtype=torch.bool, device=self.device)
        found[[number for number in words if number < size]] = True
        return found

    @cached_property
    def _numbers(self) -> Tensor:
        return torch.arange(len(self._words), device=self.device)

    def _apart(self, tokens: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """The spans between the signs."""
        spans = list[list[int]]()
        for token in tokens[1:]:
            if token in self.signs:
                spans.append([])
            else:
                spans[-1].append(token)
        return tuple(map(tuple, spans))
