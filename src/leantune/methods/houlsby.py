"""Houlsby adapters: a small bottleneck behind both sub-layers of every block, and the norms trained with them.

    h <- h + W_up act(W_down h + b) + b'        behind attention and behind feed-forward, before residual and norm

Trains      2 (2 d m + m + d) numbers per layer and the norms.   At start   W_up = 0: the model is unchanged.
Afterwards  cannot be merged: stays as extra computation.        Reference  Houlsby et al. 2019, arXiv:1902.00751.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card, Rates
from leantune.methods._adapter import Activation, AdapterMethod
from leantune.models.places import Sites

if TYPE_CHECKING:
    from leantune.models.anatomy import Anatomy


class Houlsby(AdapterMethod):
    """Bottlenecks behind both sub-layers."""

    activation: Activation = "gelu"
    """Between the two maps of a bottleneck: relu, gelu, silu or tanh."""
    sites: Sites = ("attention_out", "ffn_out")
    """The linear maps that get an adapter: query, key, value, attention_out, ffn_in, ffn_out, or `all` for all of them."""
    layernorm: bool = True
    """Train the norms too, as the paper does."""

    card: ClassVar[Card] = Card(
        title="Houlsby adapters",
        paper="Houlsby et al. 2019, arXiv:1902.00751",
        when="robust across tasks and seeds; costs a few per cent of latency because adapters stay in the model",
        rates=Rates(low=3e-4, start=1e-3, high=3e-3),
        mergeable=False,
    )

    def norms(self, anatomy: Anatomy) -> tuple[str, ...]:
        """All norms; with chosen layers only theirs and those after the last block."""
        if not self.layernorm:
            return ()
        if self.layers is None:
            return anatomy.norms
        return (*(site.path for site in anatomy.at(["norm"], self.layers)), *anatomy.final_norms)


MEMBER = Houlsby
