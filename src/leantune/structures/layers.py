"""Fewer layers, evenly taken: a student that begins as every second or fourth layer of the base, its embeddings and its head.

    layers(6) of 12      0, 2, 4, 7, 9, 11: the first and the last, and those at even distances between (as DistilBERT took them)
    layers(6, decoder=3)     of an encoder-decoder; without `decoder` both sides have as many

Afterwards: a model of the same family that is as much faster as it has fewer layers, and worse until it is trained.

Reference: Sanh et al. 2019, arXiv:1910.01108 (DistilBERT); Shleifer and Rush 2020, arXiv:2010.13002 (encoder-decoders).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from leantune.core.errors import SpecError
from leantune.core.layers import Stacks, evenly
from leantune.core.link import LinkCard
from leantune.kinds.structure import Structure


class Layers(Structure):
    """Some layers, evenly taken."""

    count: int = Field(ge=1)
    """Layers that are left, of an encoder-decoder on each side."""
    decoder: int | None = Field(default=None, ge=1)
    """Another number for the decoder of an encoder-decoder."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Fewer layers, evenly taken",
        paper="Sanh et al. 2019, arXiv:1910.01108",
        when="prediction shall be faster; a teacher before it (distill | layers(3) | full) gives back some of what is lost",
    )

    def arranged(self, stacks: Stacks) -> Stacks:
        """Evenly spaced places of each stack."""
        if self.decoder is not None and len(stacks) == 1:
            raise SpecError(f"layers: decoder={self.decoder} is for encoder-decoders, and the base is none. Leave it out.", "E-METHOD")
        wanted = [self.count] if len(stacks) == 1 else [self.count, self.decoder or self.count]
        for number, stack in zip(wanted, stacks, strict=True):
            if number > len(stack):
                raise SpecError(f"layers: {number} layers cannot be taken of {len(stack)}. Give {len(stack)} or fewer.", "E-RANGE")
        return tuple(tuple(stack[place] for place in evenly(len(stack), number)) for number, stack in zip(wanted, stacks, strict=True))


MEMBER = Layers
