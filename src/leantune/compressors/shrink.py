"""Progressive shrinking: slice by slice the model loses what it needs least, and learns from its former self to do without.

    loss(slice) = rise of the training loss without it, per millisecond that it saves
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
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from leantune.compressors._stopping import Way
from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.human import percent, points
from leantune.core.link import LinkCard
from leantune.kinds.compressor import Compressor, Smaller, Workshop
from leantune.models.anatomy import Anatomy
from leantune.models.network import Network, parameter_count
from leantune.models.slices import feed_forward, neuron_scores, neurons, removable, shared_layers, with_neurons, without_layers

EIGHTHS = 8
"""Slices of a feed-forward block."""
ROWS = 256
"""Training rows that slices are judged by."""


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
        if shared_layers(anatomy):
            return "its layers share their weights, so none can be taken out"
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
        if not self.targeted and not shop.chooses:
            raise SpecError("shrink: with few rows there is no dev to stop by; give a target, for example shrink(layers=3).", "E-METHOD")
        state = _State(self, shop, network)
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


@dataclass(frozen=True)
class _Slice:
    """What could go next."""

    name: str
    layer: int | None = None
    """None: an eighth of the neurons of every block."""


class _State:
    """A model on its way."""

    def __init__(self, asked: Shrink, shop: Workshop, network: Network) -> None:
        self.asked, self.shop, self.network = asked, shop, network
        self.wide, self.names = neurons(network.anatomy), list(range(len(network.anatomy.blocks)))
        self.way = Way(shop, network, asked.margin)
        self.params, self.latency = self.way.params, self.way.first

    @property
    def reached(self) -> bool:
        """Whether all that was asked for is there."""
        asked, found = self.asked, self.network.anatomy
        if not asked.targeted:
            return False
        return (
            (asked.layers is None or len(found.blocks) <= asked.layers)
            and (asked.neurons is None or neurons(found) <= round(asked.neurons * self.wide))
            and (asked.params is None or parameter_count(self.network) <= asked.params * self.params)
            and (asked.speed is None or self.faster >= asked.speed)
        )

    @property
    def faster(self) -> float:
        """Times, with single rows."""
        return self.way.first.batch_1 / self.latency.batch_1

    def slices(self) -> Iterator[_Slice]:
        """What may go next: where numbers are asked for, only what leads there."""
        asked, found = self.asked, self.network.anatomy
        free = asked.params is not None or asked.speed is not None or not asked.targeted
        if free if asked.layers is None else len(found.blocks) > asked.layers:
            yield from (_Slice(f"layer {self.names[number]} out", number) for number in removable(self.network))
        left = neurons(found) - self._eighth
        if self.wide and left > 0 and (free if asked.neurons is None else neurons(found) > round(asked.neurons * self.wide)):
            yield _Slice(f"feed-forward blocks at {percent(max(left, self._least) / self.wide)} of their neurons")

    @property
    def _eighth(self) -> int:
        return max(1, self.wide // EIGHTHS)

    @property
    def _least(self) -> int:
        return 1 if self.asked.neurons is None else max(1, round(self.asked.neurons * self.wide))

    def refuse_if_targeted(self) -> None:
        """Raise SpecError where the target lies beyond what is left."""
        if self.asked.targeted:
            left = parameter_count(self.network)
            raise SpecError(
                f"shrink: the target cannot be reached: with one layer and the narrowest feed-forward block {left:,} parameters are left "
                f"({percent(left / self.params)}), {self.faster:.1f} times as fast. Most of it is the vocabulary: give a larger target.",
                "E-METHOD",
            )

    def least(self, slices: Sequence[_Slice]) -> _Slice:
        """The slice that costs least loss for the time that it saves; of layers alone the one that costs least loss."""
        batches = list(self.shop.batches(ROWS))
        losses = [self._loss(self._without(one), batches) for one in slices]
        now = self._loss(self.network, batches)
        saved = np.array([1.0 if one.layer is not None else self._share_of_neurons() for one in slices])
        rise = np.array(losses) - now
        # Where a slice helps, the one that helps most goes first, whatever time it saves.
        return slices[int(np.argmin(np.where(rise > 0, rise / saved, rise)))]

    def _share_of_neurons(self) -> float:
        """Time of an eighth of all feed-forward blocks, in layers: by their multiplications."""
        found = self.network.anatomy
        linear = sum(site.inputs * site.outputs for site in found.sites if site.kind != "norm")
        block = sum(site.inputs * site.outputs for inner, outer in feed_forward(found) for site in [*inner, outer])
        return block / neurons(found) * self._eighth / (linear / len(found.blocks))

    @torch.inference_mode()
    def _loss(self, network: Network, batches: Sequence[object]) -> float:
        network.eval()
        return float(np.mean([float(self.shop.loss(network, batch)) for batch in batches]))  # type: ignore[arg-type]

    def _without(self, one: _Slice) -> Network:
        return self._cut(copy.deepcopy(self.network), one)

    def _cut(self, network: Network, one: _Slice) -> Network:
        if one.layer is not None:
            return without_layers(network, [one.layer])
        scores = neuron_scores(network, self.shop.batches(ROWS), self.shop.loss)
        left = max(neurons(network.anatomy) - self._eighth, self._least)
        return with_neurons(network, [score.argsort(descending=True)[:left].sort().values for score in scores])

    def take(self, one: _Slice) -> None:
        """Take a slice out."""
        self.network = self._cut(self.network, one)
        self.latency = self.shop.latency(self.network)  # training does not change it, and it may say that the target is reached
        if one.layer is not None:
            del self.names[one.layer]

    def look(self, one: _Slice) -> bool:
        """Whether the model without the slice is still good enough."""
        return self.way.look(one.name, self.network, targeted=self.asked.targeted, latency=self.latency)

    def notes(self) -> list[str]:
        """What became of it."""
        kept = [point for point in self.way.curve if point.kept]
        last, over = kept[-1], [point for point in self.way.curve if not point.kept]
        singly, together = (getattr(self.way.first, size) / getattr(last.latency_ms, size) for size in ("batch_1", "batch_32"))
        left = f"{len(self.names)} of {len(self.shop.original.anatomy.blocks)} layers and {percent(self._share)} of the neurons are left"
        said = f"{left}, {percent(last.model_params / self.params)} of the parameters"
        said += f"; {singly:.2f} times as fast with single rows, {together:.2f} times with 32; dev {points(last.dev - kept[0].dev)} points"
        more = f"it stopped there: with {over[-1].step} dev was at {percent(over[-1].dev)}, and" if over else ""
        return [said, *([f"{more} a loss of more than {self.asked.margin:g} points was not ruled out"] if over else [])]

    @property
    def _share(self) -> float:
        return neurons(self.network.anatomy) / self.wide if self.wide else 1.0


MEMBER = Shrink
