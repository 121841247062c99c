"""NF4: the linear maps of the base in 4-bit normal floats, and an adapter trained beside them (QLoRA).

    nf4 | lora      nf4(double_quant=false) | lora(rank=16, sites=all)

    y = nf4(W) x + (alpha / rank) B A x         nf4(W) frozen, a half byte for each weight; A, B and the head trained in float32

Afterwards: the adapter alone is stored, and stands on the base in 4 bits wherever it is loaded. `nf4 | lora | merge` folds it into the
base as it was. What is saved is memory: CPUs are slower than without.

Reference: Dettmers et al. 2023, arXiv:2305.14314.
"""

from __future__ import annotations

from typing import ClassVar

from leantune.core.errors import SpecError
from leantune.core.layers import Stacks
from leantune.core.link import LinkCard
from leantune.core.packing import Packing
from leantune.kinds.structure import Structure


class Nf4(Structure):
    """The layers of the base, packed."""

    double_quant: bool = True
    """Keep the scales of the blocks as 8-bit numbers themselves, which saves 0.37 bits a weight."""

    card: ClassVar[LinkCard] = LinkCard(
        title="The base in 4 bits (QLoRA)",
        paper="Dettmers et al. 2023, arXiv:2305.14314",
        when="the base does not fit into memory as it is; adapters of peft that stand on 4-bit maps follow: nf4 | lora",
    )

    @property
    def packing(self) -> Packing:
        """As plain values."""
        return Packing(self.double_quant)

    def arranged(self, stacks: Stacks) -> Stacks:
        """Refused: an adapter alone is stored, and other layers would be lost."""
        del stacks
        raise SpecError(
            "nf4: no other structure goes with it: the adapter alone is stored, on the base that everybody has. Leave one out.", "E-METHOD"
        )


MEMBER = Nf4
