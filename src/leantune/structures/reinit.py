"""Re-initialise: the weights of some layers are drawn anew, as the family draws them.

    reinit(last=2)      reinit(layers=[0, 3])

Afterwards: the same shape; what these layers had specialised in is gone. The top layers of a base are the most bound to what it was
trained for, and with few rows a fresh start there is often more stable.

Reference: Zhang et al. 2021, arXiv:2006.05987 (revisiting few-sample BERT fine-tuning).
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from leantune.core.layers import Stacks
from leantune.core.link import LinkCard
from leantune.kinds.structure import Structure, places


class Reinit(Structure):
    """Some layers from a random start."""

    last: int = Field(default=0, ge=0)
    """So many from the top."""
    layers: tuple[int, ...] = ()
    """Or these, from 0; negative numbers count from the top."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Layers drawn anew",
        paper="Zhang et al. 2021, arXiv:2006.05987",
        when="few rows and a large base, where trainings fail now and then",
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if bool(self.last) == bool(self.layers):
            raise PydanticCustomError("which", "say which: last=2, or layers=[4, 5]")
        return self

    def arranged(self, stacks: Stacks) -> Stacks:
        """The same places, some of them fresh."""
        wanted = self.layers or tuple(range(-self.last, 0))
        anew = set(places(stacks, wanted, "reinit"))
        return tuple(
            tuple(replace(layer, fresh=True, group=None) if (number, place) in anew else layer for place, layer in enumerate(stack))
            for number, stack in enumerate(stacks)
        )


MEMBER = Reinit
