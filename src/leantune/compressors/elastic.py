"""Elastic training: one training after which every size of a lattice of depths and widths predicts, and the one that is wanted is cut out.

    neurons of each feed-forward block by importance, the most important one first (the model says exactly what it said before)
    each step:   loss of the whole network + T^2 KL(whole || smaller) over  the smallest size and `samples` drawn ones     (sandwich rule)
    then:        every size on dev; the smallest whose loss of more than `margin` points dev rules out, or the best of those asked for

    elastic                elastic(speed=2)      elastic(layers=3, neurons=0.5)      elastic(depths=[1, 0.5], widths=[1, 0.5, 0.25])

Afterwards: an ordinary checkpoint with fewer layers (evenly taken) and narrower feed-forward blocks, and a curve of all sizes. The looks
at dev make dev optimistic; the verdict on the test set is the only claim.

References: Cai et al. 2020, arXiv:1908.09791 (once for all); Hou et al. 2020, arXiv:2004.04037 (DynaBERT); Yu and Huang 2019,
arXiv:1903.05134 (sandwich rule, in-place distillation).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.human import percent, points
from leantune.core.link import LinkCard
from leantune.core.measured import Point
from leantune.kinds.compressor import Compressor, Smaller, Workshop

if TYPE_CHECKING:
    from leantune.compressors._stopping import Way
    from leantune.models.anatomy import Anatomy
    from leantune.models.elastic import Size
    from leantune.models.network import Network

ROWS = 256
"""Training rows that neurons are ranked by."""


class Elastic(Compressor):
    """Many sizes out of one training."""

    layers: int | None = Field(default=None, ge=1)
    """Layers that are left at most."""
    neurons: float | None = Field(default=None, gt=0, lt=1)
    """Share of the neurons of each feed-forward block that is left at most."""
    params: float | None = Field(default=None, gt=0, lt=1)
    """Share of the parameters of the model that is left at most."""
    speed: float | None = Field(default=None, gt=1)
    """Times faster with single rows at least."""
    margin: float = Field(default=2.0, gt=0, lt=100)
    """Without any of these: points of dev score that may be lost."""
    depths: tuple[float, ...] = (1.0, 0.75, 0.5)
    """Shares of the layers that are trained."""
    widths: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25)
    """Shares of the neurons of each feed-forward block that are trained."""
    samples: int = Field(default=2, ge=0, le=16)
    """Sizes that are drawn at each step, beside the whole network and the smallest one."""
    steps: int | None = Field(default=None, ge=0)
    """Of the training of all sizes; as many as the training before had when not given."""

    card: ClassVar[LinkCard] = LinkCard(
        title="Elastic training",
        paper="Hou et al. 2020, arXiv:2004.04037",
        when="the best size is not known: one training gives the scores of many, and the smallest that is good enough is taken",
    )

    @field_validator("depths", "widths")
    @classmethod
    def _shares(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not all(0 < value <= 1 for value in values):
            raise PydanticCustomError("shares", "give shares over 0 and up to 1, for example [1, 0.5]")
        return values

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Where no configuration could say what is left."""
        from leantune.models.slices import immovable, neurons, stacks

        if reason := immovable(anatomy):
            return reason
        if not neurons(anatomy):
            return "its feed-forward blocks differ from each other, and a configuration has one number for all"
        if self.layers is not None and self.layers >= max(map(len, stacks(anatomy).values())):
            return f"layers={self.layers} leaves nothing to take out: the model has {len(anatomy.blocks)} layers"
        return None

    def further_steps(self, steps: int) -> int:
        """Each step reads its rows once for every size."""
        return (2 + self.samples) * (self.steps if self.steps is not None else steps)

    @property
    def targeted(self) -> bool:
        """Whether a size or a speed is asked for."""
        return any(target is not None for target in (self.layers, self.neurons, self.params, self.speed))

    def compress(self, network: Network, shop: Workshop) -> Generator[Event, None, Smaller]:
        """All sizes, then the one that is wanted."""
        from leantune.compressors._stopping import Way
        from leantune.models.elastic import cut, ordered
        from leantune.models.slices import neuron_scores

        if not self.targeted and not shop.chooses:
            raise SpecError(
                "elastic: with few rows there is no dev to choose by; give a target, for example elastic(layers=3).", "E-METHOD"
            )
        way, before = Way(shop, network, self.margin), None if self.targeted else copy.deepcopy(network)
        network = ordered(network, neuron_scores(network, shop.batches(ROWS), shop.loss))
        lattice = self.lattice(network.anatomy)
        if steps := self.steps if self.steps is not None else shop.steps:
            yield from shop.recover(network, steps=steps, lr=shop.lr, inside=self._drawn(network, lattice, shop.seed))
        for size in lattice:
            way.look(f"{size.layers} layers, {size.neurons} neurons", cut(network, size).eval(), targeted=False)
        found = [self._fits(size, point, way, lattice[0].neurons) for size, point in zip(lattice, way.curve[1:], strict=True)]
        way.curve[1:] = [point.model_copy(update={"kept": good}) for point, good in zip(way.curve[1:], found, strict=True)]
        fitting = [place for place, good in enumerate(found) if good]
        if not fitting:
            return self._none(way, before)
        chosen = self._chosen(way.curve[1:], fitting, shop)
        return Smaller(cut(network, lattice[chosen]).eval(), self._notes(way, lattice, chosen), way.curve)

    def lattice(self, found: Anatomy) -> list[Size]:
        """Every size, from the whole network to the smallest; what is asked for is among them."""
        from leantune.models.elastic import Size
        from leantune.models.slices import neurons, stacks

        there, wide = max(map(len, stacks(found).values())), neurons(found)
        depths = {there, *(max(1, round(share * there)) for share in self.depths)} | ({self.layers} if self.layers else set())
        widths = {wide, *(max(1, round(share * wide)) for share in (*self.widths, self.neurons or 1.0))}
        return [Size(depth, width) for depth in sorted(depths, reverse=True) for width in sorted(widths, reverse=True)]

    def _drawn(self, network: Network, lattice: Sequence[Size], seed: int) -> Callable[[], list[AbstractContextManager[Network]]]:
        """The smallest size and some others, anew at each call."""
        from leantune.models.elastic import inside, layers_kept, narrow

        random = np.random.default_rng([seed, 7])
        views = {depth: inside(network, layers_kept(network.anatomy, depth)) for depth in {size.layers for size in lattice}}

        def drawn() -> list[AbstractContextManager[Network]]:
            between = [lattice[place] for place in random.integers(1, len(lattice), size=self.samples)] if len(lattice) > 1 else []
            return [narrow(views[size.layers], size.neurons) for size in (*between, lattice[-1])]

        return drawn

    def _fits(self, size: Size, point: Point, way: Way, wide: int) -> bool:
        """Whether a size is what is asked for; without a target whether dev supports it."""
        if not self.targeted:
            return point.kept
        return (
            (self.layers is None or size.layers <= self.layers)
            and (self.neurons is None or size.neurons <= max(1, round(self.neurons * wide)))
            and (self.params is None or point.model_params <= self.params * way.params)
            and (self.speed is None or way.first.batch_1 / point.latency_ms.batch_1 >= self.speed)
        )

    def _chosen(self, sizes: Sequence[Point], fitting: Sequence[int], shop: Workshop) -> int:
        """The smallest that dev supports; of those that were asked for the best on dev, without one the largest."""
        if not self.targeted:
            return min(fitting, key=lambda place: (sizes[place].model_params, sizes[place].latency_ms.batch_1))
        return max(fitting, key=lambda place: (sizes[place].dev if shop.chooses else 0.0, sizes[place].model_params))

    def _none(self, way: Way, before: Network | None) -> Smaller:
        """No size is good enough: an error where one was asked for, else the model as it was."""
        if before is None:
            least = min(point.model_params for point in way.curve)
            fastest = max(way.first.batch_1 / point.latency_ms.batch_1 for point in way.curve)
            raise SpecError(
                f"elastic: no size of the lattice is what is asked for: the smallest has {percent(least / way.params)} of the parameters, "
                f"the fastest is {fastest:.1f} times as fast. Give a larger target, or smaller depths and widths.",
                "E-METHOD",
            )
        note = f"for no size a loss of more than {self.margin:g} points was ruled out on dev, so the model is as it was"
        return Smaller(before.eval(), [note], way.curve)

    def _notes(self, way: Way, lattice: Sequence[Size], chosen: int) -> list[str]:
        size, first, found = lattice[chosen], way.curve[0], way.curve[chosen + 1]
        singly, together = (getattr(way.first, rows) / getattr(found.latency_ms, rows) for rows in ("batch_1", "batch_32"))
        said = f"{size.layers} of {lattice[0].layers} layers and {percent(size.neurons / lattice[0].neurons)} of the neurons are left"
        said += f", {percent(found.model_params / way.params)} of the parameters; {singly:.2f} times as fast with single rows, "
        said += f"{together:.2f} times with 32; dev {points(found.dev - first.dev)} points"
        return [said, f"chosen by dev among {len(lattice)} sizes of one training"]


MEMBER = Elastic
