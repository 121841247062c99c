"""Merge: the adapter is folded into the weights, which gives an ordinary model of its family.

    W <- W + scale * B A          (LoRA; each method has its own rule)

Afterwards: the predictions are the same; the folder holds the whole model. Every other compressor begins with this by itself.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar

from leantune.core.events import Event
from leantune.core.link import LinkCard
from leantune.kinds.compressor import Compressor, Smaller, Workshop

if TYPE_CHECKING:
    from leantune.models.network import Network


class Merge(Compressor):
    """Nothing but the folding."""

    restructures: ClassVar[bool] = False
    card: ClassVar[LinkCard] = LinkCard(
        title="Merge", paper="Hu et al. 2021, arXiv:2106.09685", when="the model is to be loaded without its base and without peft"
    )

    def compress(self, network: Network, shop: Workshop) -> Generator[Event, None, Smaller]:
        """What arrives is merged already."""
        del shop
        yield from ()
        return Smaller(network)


MEMBER = Merge
