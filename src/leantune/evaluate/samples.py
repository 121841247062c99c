"""Samples of a language model: what it says in some passages, beside what stands there.

masked_lm          the tokens that were hidden
causal_lm          how it goes on from the first words of a passage, greedily
span_corruption    the spans that were taken out, written greedily
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.records import Decoding
from leantune.core.shown import Piece, Sample, shortened
from leantune.data.decoded import LONGEST, cut, decoded
from leantune.data.encoded import Encoded
from leantune.data.pieces.corrupted import sentinels
from leantune.evaluate.generate import Writer, continued, generation_config
from leantune.evaluate.predict import logits_of
from leantune.models.network import Network

MOST = 6
BEGINNING, WRITTEN = 24, 30
"""Tokens from which a model goes on, and tokens that it writes."""


@dataclass(frozen=True)
class Passages:
    """Encoded passages and what is needed to read them."""

    encoded: Encoded
    rows: NDArray[np.int64]
    """Numbers of all rows in the user's file."""
    tokenizer: Any
    pad: int
    types: bool
    device: torch.device

    def row(self, piece: int) -> int:
        """Number of the row that a piece belongs to."""
        return int(self.rows[self.encoded.rows[piece]])

    def sample(self, piece: int, parts: Sequence[Piece], onward: str | None = None) -> Sample:
        """A sample of a piece."""
        return Sample(row=self.row(piece), pieces=shortened([part for part in parts if part.text], LONGEST), onward=onward)


def samples(network: Network, passages: Passages, *, masked: bool) -> list[Sample]:
    """What the network says in the first pieces of passages evenly drawn.

    Args:
        network: of a task that is sampled.
        passages: where it speaks.
        masked: whether tokens were hidden, for an encoder.
    """
    owners = passages.encoded.rows
    rows = np.linspace(0, int(owners.max()), min(MOST, int(owners.max()) + 1), dtype=np.int64)
    pieces = np.unique(np.searchsorted(owners, rows))
    network.eval()
    speak = _found if masked else _filled if passages.encoded.apart else _continued
    return list(speak(network, passages, pieces))


def _found(network: Network, passages: Passages, pieces: NDArray[np.int64]) -> Iterator[Sample]:
    """Hidden tokens."""
    tokenizer = passages.tokenizer
    options: dict[str, Any] = {"pad": passages.pad, "types": passages.types, "device": passages.device}
    for piece in pieces:
        for _, padded, logits in logits_of(network, _only(passages.encoded, piece), **options):
            assert padded.marks is not None
            places = np.flatnonzero(padded.marks[0] >= 0)
            said = logits[0, torch.from_numpy(places).to(logits.device)].argmax(dim=-1).tolist()
            ids = np.where(padded.marks[0] >= 0, padded.marks[0], padded.ids[0])
        inner = np.flatnonzero(~np.isin(ids, list(_around(tokenizer))))
        start, end = (int(inner[0]), int(inner[-1]) + 1) if len(inner) else (0, 0)
        texts = cut(tokenizer, ids[start:end], [int(bound) for at in places for bound in (at - start, at - start + 1)])
        guesses = [None if token == ids[at] else decoded(tokenizer, [token]).strip() for token, at in zip(said, places, strict=True)]
        yield passages.sample(int(piece), _beside(texts, guesses))


def _continued(network: Network, passages: Passages, pieces: NDArray[np.int64]) -> Iterator[Sample]:
    """The first words and what follows them."""
    encoded, tokenizer = passages.encoded, passages.tokenizer
    begun = replace(encoded, first=np.minimum(BEGINNING, np.maximum(1, encoded.lengths // 2)))
    config = generation_config(network.body, Writer(tokenizer, Decoding(), WRITTEN), passages.pad)
    for piece in pieces:
        (new,) = continued(network, begun, np.array([piece]), config, passages.device)
        start, end = (int(place) for place in encoded.starts[piece : piece + 2])
        ids, first = encoded.ids[start:end], int(begun.first[piece])
        beginning, written = cut(tokenizer, [*ids[:first], *_without(new, _around(tokenizer))], [first])
        _, onward = cut(tokenizer, _without(ids[: first + WRITTEN], {tokenizer.eos_token_id}), [first])
        yield passages.sample(int(piece), [Piece(text=beginning), Piece(text=written, kind="predicted")], onward.strip())


def _filled(network: Network, passages: Passages, pieces: NDArray[np.int64]) -> Iterator[Sample]:
    """Spans that were taken out."""
    encoded, tokenizer = passages.encoded, passages.tokenizer
    signs = frozenset(sentinels(tokenizer))
    for piece in pieces:
        start, end = (int(place) for place in encoded.starts[piece : piece + 2])
        middle = start + int(encoded.first[piece])
        source, target = encoded.ids[start:middle], encoded.ids[middle:end]
        config = generation_config(network.body, Writer(tokenizer, Decoding(), 2 * len(target)), passages.pad)
        (new,) = continued(network, encoded, np.array([piece]), config, passages.device)
        rest, right, said = (_spans(_without(tokens, _around(tokenizer) - signs), signs) for tokens in (source, target, new))
        whole, bounds, guesses = list[int](), list[int](), list[str | None]()
        for sign, behind in rest.items():
            span, guess = right.get(sign, []), said.get(sign, [])
            if sign is not None:
                bounds += [len(whole), len(whole) + len(span)]
                guesses.append(None if guess == span else decoded(tokenizer, guess).strip())
            whole += [*span, *behind]
        yield passages.sample(int(piece), _beside(cut(tokenizer, whole, bounds), guesses))


def _spans(tokens: Sequence[int], signs: frozenset[int]) -> dict[tuple[int, int] | None, list[int]]:
    """The tokens behind each sign, by the sign and how often it came; of None those before the first one."""
    found: dict[tuple[int, int] | None, list[int]] = {None: []}
    at: tuple[int, int] | None = None
    for token in tokens:
        if token in signs:
            at = token, sum(token == known[0] for known in found if known)
        found.setdefault(at, []).extend([] if token in signs else [token])
    return found


def _beside(texts: Sequence[str], guesses: Sequence[str | None]) -> list[Piece]:
    """Every second text is what was sought; a guess of None is right."""
    parts = list[Piece]()
    for place, text in enumerate(texts):
        if place % 2 == 0:
            parts.append(Piece(text=text))
            continue
        guess, bare = guesses[place // 2], text.strip()
        parts.append(Piece(text=text[: len(text) - len(text.lstrip())]))
        parts += [Piece(text=bare, kind="both")] if guess is None else [Piece(text=guess, kind="predicted"), Piece(text=bare, kind="gold")]
    return parts


def _only(encoded: Encoded, piece: int) -> Encoded:
    """One piece alone."""
    start, end = (int(place) for place in encoded.starts[piece : piece + 2])
    marks = None if encoded.marks is None else encoded.marks[start:end]
    one = slice(piece, piece + 1)
    return replace(
        encoded,
        ids=encoded.ids[start:end],
        starts=np.array([0, end - start]),
        first=encoded.first[one],
        rows=encoded.rows[one],
        marks=marks,
    )


def _around(tokenizer: Any) -> frozenset[int]:
    """Tokens that stand around a text."""
    names = ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id", "pad_token_id")
    return frozenset(token for name in names if (token := getattr(tokenizer, name, None)) is not None)


def _without(tokens: Sequence[int] | NDArray[Any], left_out: frozenset[int] | set[int]) -> list[int]:
    return [int(token) for token in tokens if int(token) not in left_out]
