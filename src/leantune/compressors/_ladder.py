"""The ladder of quantised forms, from the smallest one to one that is good enough, and the one form without a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from leantune.core.human import percent, points
from leantune.core.measured import Point
from leantune.kinds.compressor import Smaller, Workshop
from leantune.models.four_bit import to_nf4
from leantune.models.likeness import relative_error
from leantune.models.network import Network, parameter_count, weight_bytes
from leantune.models.onnx_model import OnnxBody, as_network, to_onnx
from leantune.models.onnx_quantize import dynamic8, static8, weights4
from leantune.scores.bootstrap import difference

ROWS = 64
"""Training rows that activations are measured on, and logits compared."""
ERROR = 0.25
"""Of the spread of the logits, where there is no dev to judge by."""


@dataclass(frozen=True)
class Rung:
    """One way to quantise."""

    name: str
    make: Callable[[bytes], bytes]


class Ladder:
    """From the smallest form down to one that is good enough."""

    def __init__(self, to: str, margin: float, network: Network, shop: Workshop) -> None:
        """`to`: kind of numbers; `margin`: points of dev score that may be lost."""
        self.to, self.margin, self.network, self.shop = to, margin, network, shop
        self.before, self.first = shop.tally(shop.original), shop.latency(network)
        self.params = parameter_count(network)
        self.curve = [Point(step="as trained", dev=self.before.score(), model_params=self.params, latency_ms=self.first)]
        self.errors: list[float] = []

    def walked(self) -> Smaller:
        """The first rung that holds."""
        types = next(iter(self.shop.batches(1))).token_type_ids is not None
        graph = to_onnx(self.network, types=types)
        rungs = [*self._rungs(), Rung("float32", lambda model: model)]
        for number, rung in enumerate(rungs, 1):
            small = self._as_network(rung.make(graph))
            holds = self._look(rung.name, small) or number == len(rungs)
            self.curve[-1] = self.curve[-1].model_copy(update={"kept": holds})
            if holds:
                return Smaller(small, self._notes(rung, number, small), self.curve)
        raise AssertionError("the last rung holds")

    def _rungs(self) -> Iterator[Rung]:
        blocks = self.network.anatomy.blocks
        if self.to == "int4":
            yield Rung("weights in 4 bits, embeddings in 8", lambda model: weights4(model, inside=blocks))
            yield Rung("weights in 4 bits", lambda model: weights4(model, inside=blocks, embeddings=False))
            return
        yield Rung("per channel", dynamic8)
        yield Rung("per channel, 7-bit weights", lambda model: dynamic8(model, reduce_range=True))
        inner = blocks[1:-1] or blocks
        yield Rung("without embeddings, first and last layer", lambda model: dynamic8(model, embeddings=False, inside=inner))
        yield Rung("static", lambda model: static8(model, list(self.shop.batches(ROWS))))

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
        return difference([tally], [self.before]).interval.low > -self.margin / 100

    @torch.inference_mode()
    def _error(self, small: Network) -> float:
        """Of the logits of training rows, where tokens stand."""
        found, expected = list[np.ndarray](), list[np.ndarray]()
        for batch in self.shop.batches(ROWS):
            for one, kept in ((small, found), (self.shop.original, expected)):
                logits = one(batch).float().cpu()
                kept.extend(logits.numpy() if logits.dim() == 2 else [logits[batch.attention_mask.cpu().bool()].numpy()])
        return relative_error(found, expected)

    def _notes(self, rung: Rung, number: int, small: Network) -> list[str]:
        """Which rung it is, and what the ones above lost."""
        last = self.curve[-1]
        singly, together = (getattr(self.first, size) / getattr(last.latency_ms, size) for size in ("batch_1", "batch_32"))
        share = weight_bytes(small) / weight_bytes(self.network)
        said = (
            f"rung {number}, {rung.name}: {percent(share)} of the bytes; {singly:.2f} times as fast with single rows, {together:.2f} times "
            f"with 32; dev {points(last.dev - self.before.score())} points; logits are off by {percent(self.errors[-1])} of their spread"
        )
        lost = [f"{point.step} ({points(point.dev - self.before.score())} points)" for point in self.curve[1:-1]]
        more = f"a loss of more than {self.margin:g} points was not ruled out with {', '.join(lost)}" if lost else ""
        left = "nothing was quantised, it is an ONNX graph in float32" if rung.name == "float32" else ""
        return [said, *filter(None, (more, left))]


def packed(network: Network, shop: Workshop, margin: float) -> Smaller:
    """Four bits without a graph: there is one form, so it is measured and not chosen."""
    before, first, size = shop.tally(network), shop.latency(network), weight_bytes(network)
    small = to_nf4(network)
    after, speed = shop.tally(small), shop.latency(small)
    said = (
        f"{percent(weight_bytes(small) / size)} of the bytes; {first.batch_1 / speed.batch_1:.2f} times as fast with single rows, "
        f"{first.batch_32 / speed.batch_32:.2f} times with 32; dev {points(after.score() - before.score())} points"
    )
    lost = f"a loss of more than {margin:g} points is not ruled out"
    good = not shop.chooses or difference([after], [before]).interval.low > -margin / 100
    return Smaller(small, [said, *[lost] * (not good)])
