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

from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.link import LinkCard
from leantune.kinds.compressor import Compressor, Smaller, Workshop

if TYPE_CHECKING:
    from leantune.models.anatomy import Anatomy
    from leantune.models.network import Network


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
        from leantune.compressors._ladder import Ladder, packed
        from leantune.models.fake_quant import fake_quantised

        if self.to != "nf4" and (reason := self._no_graph(network, shop)):
            raise SpecError(f"quantize({self.to}): {reason}; quantize(nf4) works.", "E-METHOD")
        if self.aware:
            with fake_quantised(network, 8 if self.to == "int8" else 4):
                yield from shop.recover(network, steps=self.aware, lr=shop.lr / 4)  # it is near already
        network.eval()
        return packed(network, shop, self.margin) if self.to == "nf4" else Ladder(self.to, self.margin, network, shop).walked()

    def _no_graph(self, network: Network, shop: Workshop) -> str | None:
        from leantune.models.onnx_model import unexportable

        return "texts are written token by token, which one graph does not do" if shop.writes else unexportable(network)


MEMBER = Quantize
