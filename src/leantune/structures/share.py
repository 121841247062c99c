"""Share: neighbouring layers become one and the same, so that a model of many layers has the parameters of few.

    share(3) of 12      0 0 0 0 4 4 4 4 8 8 8 8: each group starts from its first layer, and is trained at all of its places at once

Afterwards: as deep and as slow as before, with as many parameters to train and to tell apart as there are groups. Plain `transformers`
knows no such ties, so what is stored has a copy for each place.

References: Lan et al. 2020, arXiv:1909.11942 (ALBERT); Dehghani et al. 2019, arXiv:1807.03819 (universal transformers).
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from leantune.core.errors import SpecError
from leantune.core.layers import Stacks
from leantune.core.link import LinkCard
from leantune.kinds.structure import Structure


class Share(Structure):
    """Groups of layers with one set of weights each."""

    groups: int = Field(ge=1)
    """Different layers that are left."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Layers that share their weights",
        paper="Lan et al. 2020, arXiv:1909.11942",
        when="memory for training is short, or few rows tempt many parameters; prediction takes as long as before",
    )

    def arranged(self, stacks: Stacks) -> Stacks:
        """The first layer of each group at all of its places."""
        if len(stacks) > 1:
            raise SpecError("share: the layers of an encoder-decoder stay apart. Leave it out.", "E-METHOD")
        (stack,) = stacks
        if self.groups >= len(stack):
            raise SpecError(f"share: {self.groups} groups of {len(stack)} layers share nothing. Give {len(stack) - 1} or fewer.", "E-RANGE")
        numbers = [place * self.groups // len(stack) for place in range(len(stack))]
        return (tuple(replace(stack[numbers.index(number)], group=number) for number in numbers),)


MEMBER = Share
