"""Shrinking: a model on its way to fewer layers and narrower feed-forward blocks, one slice after the other."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from leantune.compressors._stopping import Way
from leantune.core.errors import SpecError
from leantune.core.human import percent, points
from leantune.kinds.compressor import Workshop
from leantune.models.network import Network, parameter_count
from leantune.models.slices import feed_forward, neuron_scores, neurons, removable, with_neurons, without_layers

EIGHTHS = 8
"""Slices of a feed-forward block."""
ROWS = 256
"""Training rows that slices are judged by."""


class Asked(Protocol):
    """Where it shall end: the options of `shrink`."""

    @property
    def layers(self) -> int | None:
        """Layers that are left."""
        ...

    @property
    def neurons(self) -> float | None:
        """Share of the neurons of each feed-forward block."""
        ...

    @property
    def params(self) -> float | None:
        """Share of the parameters at most."""
        ...

    @property
    def speed(self) -> float | None:
        """Times faster with single rows at least."""
        ...

    @property
    def margin(self) -> float:
        """Without any of these: points of dev score that may be lost."""
        ...

    @property
    def targeted(self) -> bool:
        """Whether a size or a speed is asked for."""
        ...


@dataclass(frozen=True)
class Slice:
    """What could go next."""

    name: str
    layer: int | None = None
    """None: an eighth of the neurons of every block."""


class Shrinking:
    """A model on its way."""

    def __init__(self, asked: Asked, shop: Workshop, network: Network) -> None:
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

    def slices(self) -> Iterator[Slice]:
        """What may go next: where numbers are asked for, only what leads there."""
        asked, found = self.asked, self.network.anatomy
        free = asked.params is not None or asked.speed is not None or not asked.targeted
        if free if asked.layers is None else len(found.blocks) > asked.layers:
            yield from (Slice(f"layer {self.names[number]} out", number) for number in removable(self.network))
        left = neurons(found) - self._eighth
        if self.wide and left > 0 and (free if asked.neurons is None else neurons(found) > round(asked.neurons * self.wide)):
            yield Slice(f"feed-forward blocks at {percent(max(left, self._least) / self.wide)} of their neurons")

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

    def least(self, slices: Sequence[Slice]) -> Slice:
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

    def _without(self, one: Slice) -> Network:
        return self._cut(copy.deepcopy(self.network), one)

    def _cut(self, network: Network, one: Slice) -> Network:
        if one.layer is not None:
            return without_layers(network, [one.layer])
        scores = neuron_scores(network, self.shop.batches(ROWS), self.shop.loss)
        left = max(neurons(network.anatomy) - self._eighth, self._least)
        return with_neurons(network, [score.argsort(descending=True)[:left].sort().values for score in scores])

    def take(self, one: Slice) -> None:
        """Take a slice out."""
        self.network = self._cut(self.network, one)
        self.latency = self.shop.latency(self.network)  # training does not change it, and it may say that the target is reached
        if one.layer is not None:
            del self.names[one.layer]

    def look(self, one: Slice) -> bool:
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
