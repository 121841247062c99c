"""A student of another kind as data: a body without attention in the place of the base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["bag", "lstm"]


@dataclass(frozen=True)
class Student:
    """What the body shall be."""

    kind: Kind
    width: int
    """Of its token embeddings and of its states."""
    vectors: str | None = None
    """File of word vectors that its embeddings start from."""
