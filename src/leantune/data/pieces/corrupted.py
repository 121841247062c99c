"""A text with some spans taken out, for an encoder, and the spans, for a decoder of its own (Raffel et al. 2020,
arXiv:1910.10683, section 3.1.4).

    source: the <extra_id_0> was <extra_id_1> end     target: <extra_id_0> movie <extra_id_1> great end

15 % of the tokens go, in spans of three on average. Where they lie depends on the tokens of the piece alone.
"""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from leantune.core.errors import SpecError
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import Part, Pieces, Room, Tokenizer, end_of_text, filler, flat

SHARE = 0.15
MEAN_SPAN = 3


class Corrupted(Pieces):
    """Texts with spans taken out."""

    apart: ClassVar[bool] = True
    overlapping: ClassVar[bool] = True

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows."""
        end, signs = end_of_text(tokenizer), sentinels(tokenizer)
        wholes, firsts, owners = list[list[int]](), list[int](), list[int]()
        for row, tokens in enumerate(tokenizer(chunk.texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]):
            for start in range(0, max(1, len(tokens)), room.length - 1):
                piece = tokens[start : start + room.length - 1] or [filler(tokenizer)]
                source, target = _torn(piece, signs)
                wholes.append([*source, end, *target, end])
                firsts.append(len(source) + 1)
                owners.append(row)
        table = np.array([[len(whole) for whole in wholes], firsts, owners], dtype=np.int64).T
        return Part(flat(wholes), table, len(chunk))


def sentinels(tokenizer: Any) -> list[int]:
    """Numbers of the tokens that stand for a span: <extra_id_0>, <extra_id_1> ...; else the mask token for all.

    Raises:
        SpecError: E-MODEL where there are neither.
    """
    known = tokenizer.get_vocab()
    found = [known[name] for number in range(100) if (name := f"<extra_id_{number}>") in known]
    if not found and tokenizer.mask_token_id is None:
        raise SpecError(
            "The tokenizer of the base has no tokens that stand for a span. Choose a T5, or a base with a mask token.", "E-MODEL"
        )
    return found or [int(tokenizer.mask_token_id)]


def _torn(tokens: list[int], signs: list[int]) -> tuple[list[int], list[int]]:
    """Source and target of one piece, without end tokens."""
    random = np.random.default_rng(zlib.crc32(np.array(tokens, dtype=np.int32).tobytes()))
    gone = max(1, round(SHARE * len(tokens)))
    spans = max(1, min(round(gone / MEAN_SPAN), len(tokens) - gone, len(signs) if len(signs) > 1 else gone))
    holes, rests = _parts(gone, spans, random), _parts(len(tokens) - gone, spans, random)
    source, target, at = list[int](), list[int](), 0
    for number, (rest, hole) in enumerate(zip(rests, holes, strict=True)):
        sign = signs[number % len(signs)]
        source += [*tokens[at : at + rest], sign]
        target += [sign, *tokens[at + rest : at + rest + hole]]
        at += rest + hole
    return source, target


def _parts(total: int, count: int, random: np.random.Generator) -> list[int]:
    """A number as a sum of so many, none of them 0 where that is possible."""
    if total < count:
        return [total, *[0] * (count - 1)]
    cuts = np.sort(random.choice(np.arange(1, total), count - 1, replace=False)) if count > 1 else np.zeros(0, np.int64)
    ends = [0, *cuts.tolist(), total]
    return [end - start for start, end in pairwise(ends)]


MEMBER = Corrupted()
