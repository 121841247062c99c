"""Pieces: how rows become what the model reads at once. A kind of pieces is one file in this folder that binds `MEMBER`.

    part = member.cut(tokenizer, chunk, Room(256))

A text is one piece; a long row of words, and a long text in which spans are sought, is several overlapping ones. Each kind says what stands
beside the tokens (its *marks*), so that a task finds its way back from a token to the row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import SpecError
from leantune.core.wording import Asked
from leantune.data.examples import ExampleChunk

OVERLAP = 4
"""Pieces of one row share a quarter of their tokens, so that every word has some context on both sides in one of them."""


Pool = Literal["mean", "max"]
"""How the logits of a row come from those of its pieces."""
Informed = Callable[[list[int]], list[float]]
"""How surprising each token of a text is to a model that reads from left to right."""
_SPECIAL = 8
"""More tokens than any tokenizer puts around a text."""


class Tokenizer(Protocol):
    """The part of a `transformers` tokenizer that is needed here."""

    def __call__(self, text: Any = None, text_pair: Any = None, **options: Any) -> Any:
        """Encode texts, or pairs of texts."""
        ...


@dataclass(frozen=True)
class Room:
    """How long pieces may become."""

    length: int
    """Tokens of a piece."""
    target: int = 0
    """Tokens that are written for a row; 0 where nothing is written."""


@dataclass(frozen=True)
class Part:
    """Some encoded rows."""

    ids: NDArray[np.int32]
    table: NDArray[np.int64]
    """(pieces, 3): tokens, tokens of the first text, row from the start of the part."""
    rows: int
    marks: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """`Pieces.width` numbers for each token, flat."""


class Pieces:
    """Base of the kinds."""

    width: ClassVar[int] = 0
    """Numbers beside each token."""
    apart: ClassVar[bool] = False
    """Whether what stands behind the first text is written by a decoder of its own."""
    whole: ClassVar[bool] = False
    """Whether a row is a text or a pair of texts that is judged as a whole, so that any part of it may be read (`core.long`)."""
    overlapping: ClassVar[bool] = False
    """Whether a long row becomes several pieces, so that nothing of it is lost."""
    cuts: ClassVar[str | None] = None
    """Which end of a text that is too long is cut off; None for the one that the tokenizer cuts off."""
    loses: ClassVar[str | None] = None
    """What becomes of a row that is too long, in a sentence; None where it is cut like any text."""
    template: ClassVar[str | None] = None
    """How conversations are written down where the tokenizer does not say."""
    asks: ClassVar[Asked | None] = None
    """How the base is asked where words are sought at some tokens of each piece, and read from there alone; None elsewhere."""
    together: ClassVar[bool] = False
    """Whether the pieces of a row are judged against each other, so that no batch of training may tear them apart."""
    pool: ClassVar[Pool | None] = None
    """How the logits of a row come from those of its pieces; None where each piece has an answer of its own."""
    drawn: ClassVar[int | None] = None
    """Pieces of a row at one visit in training, drawn at random; None for all of them."""

    def most_first(self, length: int) -> int | None:
        """Tokens of a first text, special ones included, behind which it is cut; None where both texts share what room there is.

        Args:
            length: tokens of a piece.

        Raises:
            SpecError: E-RANGE when there is no room.
        """
        del length
        return None

    def most_read(self, room: Room, bare: Callable[[list[str], list[str] | None], Sequence[int]]) -> int:
        """Tokens of what is read, so that what is written has its room.

        Args:
            room: how long pieces may become.
            bare: counts tokens without special ones.
        """
        del bare
        return room.length

    def cut(self, tokenizer: Tokenizer, chunk: ExampleChunk, room: Room) -> Part:
        """Encode some rows.

        Raises:
            SpecError: E-MODEL when the tokenizer will not do, E-RANGE when there is no room.
        """
        raise NotImplementedError


def flat(lists: list[list[int]]) -> NDArray[np.int32]:
    """Lists one after another."""
    return np.fromiter((number for numbers in lists for number in numbers), dtype=np.int32, count=sum(map(len, lists)))


def filler(tokenizer: Tokenizer) -> int:
    """What stands for a text without any token: decoders put nothing around a text, and an empty piece has no state to read."""
    return int(getattr(tokenizer, "pad_token_id", None) or 0)


def end_of_text(tokenizer: Tokenizer) -> int:
    """The token that ends what is written.

    Raises:
        SpecError: E-MODEL without one.
    """
    end = getattr(tokenizer, "eos_token_id", None)
    if end is None:
        raise SpecError(
            "The tokenizer of the base model has no end token, so a model could not stop writing. Choose another base.", "E-MODEL"
        )
    return int(end)


def overlapping(tokenizer: Tokenizer, texts: list[str], pairs: list[str] | None, length: int, overlap: int) -> Any:
    """Overlapping pieces with the characters that each token stands for; of pairs only the second text is taken apart.

    Raises:
        SpecError: E-MODEL without a fast tokenizer.
    """
    require_fast(tokenizer)
    return tokenizer(
        texts,
        pairs,
        truncation=True if pairs is None else "only_second",
        max_length=length,
        stride=overlap,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
        return_attention_mask=False,
    )


def too_long(count: Callable[[list[str]], Sequence[int]], texts: Sequence[str], most: int) -> list[int]:
    """Places of the texts with more than `most` tokens, special ones included; `count` counts them."""
    likely = [place for place, text in enumerate(texts) if len(text.encode()) + _SPECIAL > most]  # no token is less than a byte
    counts = count([texts[place] for place in likely]) if likely else []
    return [place for place, tokens in zip(likely, counts, strict=True) if tokens > most]


def require_fast(tokenizer: Tokenizer) -> None:
    """Raise SpecError (E-MODEL) for a tokenizer that cannot tell which characters a token stands for."""
    if not getattr(tokenizer, "is_fast", False):
        raise SpecError("The base model has no fast tokenizer, which tells where words begin. Choose another base.", "E-MODEL")
