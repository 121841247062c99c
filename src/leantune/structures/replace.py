"""Replace: a layer gives its place to a copy of another one.

    replace(5, by=2)        0 1 2 3 4 2'

Afterwards: as many layers as before; the copy has weights of its own.
"""

from __future__ import annotations

from typing import ClassVar

from leantune.core.errors import SpecError
from leantune.core.layers import Stacks
from leantune.core.link import LinkCard
from leantune.kinds.structure import Structure, places


class Replace(Structure):
    """A layer by another."""

    layer: int
    """That goes, from 0; negative numbers count from the top."""
    by: int
    """That is copied, counted likewise."""

    card: ClassVar[LinkCard] = LinkCard(
        title="A layer by a copy of another", paper="-", when="a layer is thought to do harm, and the depth shall stay"
    )

    def arranged(self, stacks: Stacks) -> Stacks:
        """With the copy in its place."""
        (stack, place), (other, source) = places(stacks, (self.layer, self.by), "replace")
        if stack != other:
            raise SpecError("replace: the two layers stand on different sides of the encoder-decoder. Name two of one side.", "E-RANGE")
        found = [list(layers) for layers in stacks]
        found[stack][place] = stacks[stack][source]
        return tuple(map(tuple, found))


MEMBER = Replace
