"""Drop: some layers are taken out.

    drop(6, 7)      drop(-1)

Afterwards: the layers above stand on what is left below; a model of the same family, smaller and faster.

Reference: Sajjad et al. 2020, arXiv:2004.03844 (dropping the top layers of BERT costs least).
"""

from __future__ import annotations

from typing import ClassVar

from leantune.core.errors import SpecError
from leantune.core.layers import Stacks
from leantune.core.link import LinkCard
from leantune.kinds.structure import places
from leantune.structures._numbered import Numbered


class Drop(Numbered):
    """Without some layers."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Layers out",
        paper="Sajjad et al. 2020, arXiv:2004.03844",
        when="prediction shall be faster, and you know which layers can go",
    )

    def arranged(self, stacks: Stacks) -> Stacks:
        """What is left."""
        gone = set(places(stacks, self.layers, "drop"))
        left = tuple(tuple(one for place, one in enumerate(stack) if (number, place) not in gone) for number, stack in enumerate(stacks))
        if not all(left):
            raise SpecError("drop: at least one layer of each side must stay. Name fewer.", "E-RANGE")
        return left


MEMBER = Drop
