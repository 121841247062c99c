"""Progressive shrinking: slice by slice the model loses what it needs least, and learns from its former self to do without.

    loss(slice) = rise of the training loss without it, per multiplication that it saves: time as no clock blurs it
    repeat:  take out the slice with the least of it  ->  some steps of distillation from the model as it was  ->  look at dev

A slice is a layer, or an eighth of the neurons of every feed-forward block (those with the least first-order Taylor score). It ends
where the targets are reached; without targets where dev does not support any more that the model is as good within the margin
(paired bootstrap over rows, 90 %), and the last step is taken back.

    shrink(layers=3)    shrink(neurons=0.5)    shrink(params=0.6)    shrink(speed=2)    shrink(margin=2)

Afterwards: an ordinary checkpoint with fewer layers and narrower feed-forward blocks, really smaller and faster. The looks at dev make
dev optimistic; the verdict on the test set is the only claim.

References: Cai et al. 2020, arXiv:1908.09791 (progressive shrinking); Hou et al. 2020, arXiv:2004.04037 (DynaBERT).
"""

from __future__ import annotations

import copy
from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.link import LinkCard
from leantune.kinds.compressor import Compressor, Smaller, Workshop

if TYPE_CHECKING:
    from leantune.models.anatomy import Anatomy
    from leantune.models.network import Network


class Shrink(Compressor):
    """Fewer layers, narrower feed-forward blocks."""

    layers: int | None = Field(default=None, ge=1)
    """Layers that are left."""
    neurons: float | None = Field(default=None, gt=0, lt=1)
    """Share of the neurons of each feed-forward block that is left."""
    params: float | None = Field(default=None, gt=0, lt=1)
    """Share of the parameters of the model that is left at most."""
    speed: float | None = Field(default=None, gt=1)
    """Times faster with single rows at least."""
    margin: float = Field(default=2.0, gt=0, lt=100)
    """Without any of these: points of dev score that may be lost."""
    steps: int | None = Field(default=None, ge=0)
    """Of distillation after each slice; a quarter of those of the training when not given, and as many as it had after the last one."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Progressive shrinking",
        paper="Cai et al. 2020, arXiv:1908.09791",
        when="prediction shall be faster and the model smaller, in plain transformers; with a curve of score against size",
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Where nothing can be taken out that a configuration could say, or less than is asked for."""
        from leantune.models.slices import immovable, neurons

        if reason := immovable(anatomy):
            return reason
        if self.layers is not None and self.layers >= len(anatomy.blocks):
            return f"layers={self.layers} leaves nothing to take out: the model has {len(anatomy.blocks)} layers"
        if self.neurons is not None and not neurons(anatomy):
            return "its feed-forward blocks differ from each other, and a configuration has one number for all"
        return None

    def further_steps(self, steps: int) -> int:
        """As if half of six layers went."""
        return 2 * self._steps(steps, last=False) + self._steps(steps, last=self.targeted)

    def _steps(self, steps: int, *, last: bool) -> int:
        return self.steps if self.steps is not None else steps if last else steps // 4

    @property
    def targeted(self) -> bool:
        """Whether a size or a speed is asked for."""
        return any(target is not None for target in (self.layers, self.neurons, self.params, self.speed))

    def compress(self, network: Network, shop: Workshop) -> Generator[Event, None, Smaller]:
        """Slice by slice."""
        from leantune.compressors._shrinking import Shrinking

        if not self.targeted and not shop.chooses:
            raise SpecError("shrink: with few rows there is no dev to stop by; give a target, for example shrink(layers=3).", "E-METHOD")
        state = Shrinking(self, shop, network)
        while not state.reached:
            kept = state.network if self.targeted else copy.deepcopy(state.network)
            slices = list(state.slices())
            if not slices:
                state.refuse_if_targeted()
                break
            chosen = state.least(slices)
            state.take(chosen)
            if steps := self._steps(shop.steps, last=state.reached):
                yield from shop.recover(state.network, steps=steps, lr=shop.lr)
            if not state.look(chosen) and not self.targeted:
                state.network = kept
                break
        return Smaller(state.network, state.notes(), state.way.curve)


MEMBER = Shrink
