"""Add: fresh layers on top, drawn as the family draws them.

    add(2)          behind the last layer, of an encoder-decoder behind the last one of the decoder

Afterwards: a deeper model of the same family whose top has learned nothing yet.

Reference: Devlin et al. 2019, arXiv:1810.04805 (the family's own way to draw weights).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from leantune.core.layers import Layer, Stacks
from leantune.core.link import LinkCard
from leantune.kinds.structure import Structure


class Add(Structure):
    """More layers."""

    count: int = Field(default=1, ge=1, le=100)
    """Of them."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Fresh layers on top", paper="-", when="much data, and a task that is far from what the base was trained for"
    )

    def arranged(self, stacks: Stacks) -> Stacks:
        """Like the last layer in shape."""
        *below, top = stacks
        return (*below, top + (Layer(top[-1].source, fresh=True),) * self.count)


MEMBER = Add
