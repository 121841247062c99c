"""Quantisation: weights as small integers, so that the file is a quarter as large and CPUs multiply faster.

    int8    an ONNX graph in 8-bit integers, activations scaled while it runs
    int4    an ONNX graph with weights in 4 bits, in blocks of 32 with a scale each; embeddings in 8
    nf4     a plain model with weights in 4-bit normal floats (bitsandbytes): less memory, no speed on CPUs

Some encoders lose much in 8 bits, so a ladder is walked until dev supports that the model is as good within the margin (paired
bootstrap over rows, 90 %): per channel; 7-bit weights; without embeddings, first and last layer; static; float32, which is said.

    quantize(int8)    quantize(int4, margin=1)    quantize(int8, aware=200)        some steps as if it were quantised already come first

The original teaches in those steps. References: Dettmers et al. 2023, arXiv:2305.14314 (NF4); Jacob et al. 2018, arXiv:1712.05877.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.human import percent, points
from leantune.core.link import LinkCard
from leantune.core.measured import Point
from leantune.kinds.compressor import Compressor, Smaller, Workshop
from leantune.models.anatomy import Anatomy
from leantune.models.fake_quant import fake_quantised
from leantune.models.four_bit import to_nf4
from leantune.models.likeness import relative_error
from leantune.models.network import Network, parameter_count, weight_bytes
from leantune.models.onnx_model import OnnxBody, as_network, to_onnx, unexportable
from leantune.models.onnx_quantize import dynamic8, static8, weights4
from leantune.scores.bootstrap import difference

ROWS = 64
"""Training rows that activations are measured on, and logits compared."""
ERROR = 0.25
"""Of the spread of the logits, where there is no dev to judge by."""


@dataclass(frozen=True)
class _Rung:
    """One way to quantise."""

    name: str
    make: Callable[[bytes], bytes]


class Quantize(Compressor):
    """Weights in 8 or 4 bits."""

    to: Literal["int8", "int4", "nf4"] = "int8"
    """Kind of numbers."""
    margin: float = Field(default=2.0, gt=0, lt=100)
    """Points of dev score that may be lost."""
    aware: int = Field(default=0, ge=0)
    """Steps of distillation before, with all linear maps rounded as they will be."""

    ends: ClassVar[bool] = True
    card: ClassVar[LinkCard] = LinkCard(
        title="Quantisation",
        paper="Dettmers et al. 2023, arXiv:2305.14314; Jacob et al. 2018, arXiv:1712.05877",
        when="the model runs on CPUs: a quarter of the size and several times the speed with int8, at the price of an ONNX file",
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Where texts are written by a decoder of its own, in a graph."""
        if self.to != "nf4" and any(not site.writes for site in anatomy.sites):
            return "an encoder-decoder writes token by token, which one graph does not do; quantize(nf4) works"
        return None

    def further_steps(self, steps: int) -> int:
        """Those that are asked for."""
        del steps
        return self.aware

    def compress(self, network: Network, shop: Workshop) -> Generator[Event, None, Smaller]:
        """Tune where that is asked for, then walk the ladder."""
        if self.to != "nf4" and (reason := self._no_graph(network, shop)):
            raise SpecError(f"quantize({self.to}): {reason}; quantize(nf4) works.", "E-METHOD")
        if self.aware:
            with fake_quantised(network, 8 if self.to == "int8" else 4):
                yield from shop.recover(network, steps=self.aware, lr=shop.lr / 4)  # it is near already
        network.eval()
        return self._packed(network, shop) if self.to == "nf4" else _Ladder(self, network, shop).walked()

    def _packed(self, network: Network, shop: Workshop) -> Smaller:
        """Four bits without a graph: there is one form, so it is measured and not chosen."""
        before, first, size = shop.tally(network), shop.latency(network), weight_bytes(network)
        small = to_nf4(network)
        after, speed = shop.tally(small), shop.latency(small)
        said = (
            f"{percent(weight_bytes(small) / size)} of the bytes; {first.batch_1 / speed.batch_1:.2f} times as fast with single rows, "
            f"{first.batch_32 / speed.batch_32:.2f} times with 32; dev {points(after.score() - before.score())} points"
        )
        lost = f"a loss of more than {self.margin:g} points is not ruled out"
        good = not shop.chooses or difference([after], [before]).interval.low > -self.margin / 100
        return Smaller(small, [said, *[lost] * (not good)])

    def _no_graph(self, network: Network, shop: Workshop) -> str | None:
        return "texts are written token by token, which one graph does not do" if shop.writes else unexportable(network)


class _Ladder:
    """From the smallest form down to one that is good enough."""

    def __init__(self, asked: Quantize, network: Network, shop: Workshop) -> None:
        self.asked, self.network, self.shop = asked, network, shop
        self.before, self.first = shop.tally(shop.original), shop.latency(network)
        self.params = parameter_count(network)
        self.curve = [Point(step="as trained", dev=self.before.score(), model_params=self.params, latency_ms=self.first)]
        self.errors: list[float] = []

    def walked(self) -> Smaller:
        """The first rung that holds."""
        types = next(iter(self.shop.batches(1))).token_type_ids is not None
        graph = to_onnx(self.network, types=types)
        rungs = [*self._rungs(), _Rung("float32", lambda model: model)]
        for number, rung in enumerate(rungs, 1):
            small = self._as_network(rung.make(graph))
            holds = self._look(rung.name, small) or number == len(rungs)
            self.curve[-1] = self.curve[-1].model_copy(update={"kept": holds})
            if holds:
                return Smaller(small, self._notes(rung, number, small), self.curve)
        raise AssertionError("the last rung holds")

    def _rungs(self) -> Iterator[_Rung]:
        blocks = self.network.anatomy.blocks
        if self.asked.to == "int4":
            yield _Rung("weights in 4 bits, embeddings in 8", lambda model: weights4(model, inside=blocks))
            yield _Rung("weights in 4 bits", lambda model: weights4(model, inside=blocks, embeddings=False))
            return
        yield _Rung("per channel", dynamic8)
        yield _Rung("per channel, 7-bit weights", lambda model: dynamic8(model, reduce_range=True))
        inner = blocks[1:-1] or blocks
        yield _Rung("without embeddings, first and last layer", lambda model: dynamic8(model, embeddings=False, inside=inner))
        yield _Rung("static", lambda model: static8(model, list(self.shop.batches(ROWS))))

    def _as_network(self, model: bytes) -> Network:
        body = OnnxBody(model, self.network.body.config)  # type: ignore[arg-type]
        return as_network(body, self.network.anatomy, self.network.verbalizer)

    def _look(self, step: str, small: Network) -> bool:
        """Measure; whether it is as good."""
        tally = self.shop.tally(small)
        self.curve.append(Point(step=step, dev=tally.score(), model_params=self.params, latency_ms=self.shop.latency(small)))
        self.errors.append(self._error(small))
        if not self.shop.chooses:
            return self.errors[-1] < ERROR
        return difference([tally], [self.before]).interval.low > -self.asked.margin / 100

    @torch.inference_mode()
    def _error(self, small: Network) -> float:
        """Of the logits of training rows, where tokens stand."""
        found, expected = list[np.ndarray](), list[np.ndarray]()
        for batch in self.shop.batches(ROWS):
            for one, kept in ((small, found), (self.shop.original, expected)):
                logits = one(batch).float().cpu()
                kept.extend(logits.numpy() if logits.dim() == 2 else [logits[batch.attention_mask.cpu().bool()].numpy()])
        return relative_error(found, expected)

    def _notes(self, rung: _Rung, number: int, small: Network) -> list[str]:
        """Which rung it is, and what the ones above lost."""
        last = self.curve[-1]
        singly, together = (getattr(self.first, size) / getattr(last.latency_ms, size) for size in ("batch_1", "batch_32"))
        share = weight_bytes(small) / weight_bytes(self.network)
        said = (
            f"rung {number}, {rung.name}: {percent(share)} of the bytes; {singly:.2f} times as fast with single rows, {together:.2f} times "
            f"with 32; dev {points(last.dev - self.before.score())} points; logits are off by {percent(self.errors[-1])} of their spread"
        )
        lost = [f"{point.step} ({points(point.dev - self.before.score())} points)" for point in self.curve[1:-1]]
        more = f"a loss of more than {self.asked.margin:g} points was not ruled out with {', '.join(lost)}" if lost else ""
        left = "nothing was quantised, it is an ONNX graph in float32" if rung.name == "float32" else ""
        return [said, *filter(None, (more, left))]


MEMBER = Quantize
