"""Repeat: a copy of each named layer stands right behind it.

    repeat(4, 5)        0 1 2 3 4 4' 5 5'

Afterwards: a deeper model of the same family; copies have weights of their own and part ways with the training.

Reference: Gong et al. 2019 (progressive stacking, ICML); Kim et al. 2023, arXiv:2312.15166 (depth up-scaling).
"""

from __future__ import annotations

from typing import ClassVar

from leantune.core.layers import Stacks
from leantune.core.link import LinkCard
from leantune.kinds.structure import places
from leantune.structures._numbered import Numbered


class Repeat(Numbered):
    """Some layers twice."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Layers twice",
        paper="Kim et al. 2023, arXiv:2312.15166",
        when="the base is too small for much data, and none larger is at hand",
    )

    def arranged(self, stacks: Stacks) -> Stacks:
        """With the copies."""
        twice = set(places(stacks, self.layers, "repeat"))
        return tuple(
            tuple(one for place, layer in enumerate(stack) for one in ((layer,) * (2 if (number, place) in twice else 1)))
            for number, stack in enumerate(stacks)
        )


MEMBER = Repeat
