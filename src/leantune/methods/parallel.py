"""Parallel adapters: a wide bottleneck beside the feed-forward part, reading what that part reads.

    y = FFN(x) + scale * (W_up act(W_down x + b) + b')        W_down (width, d)    W_up (d, width)

Trains      2 d m + m + d numbers per layer, m = d / 2.      At start   W_up = 0: the model is unchanged.
Afterwards  cannot be merged: stays as extra computation.    Reference  He et al. 2021, arXiv:2110.04366.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from leantune.kinds.method import Card, Rates
from leantune.methods._adapter import BEGINNINGS, AdapterMethod

if TYPE_CHECKING:
    from leantune.models.anatomy import Anatomy, Site


class Parallel(AdapterMethod):
    """Bottlenecks beside the feed-forward part."""

    reduction: int = Field(default=2, ge=1)
    """The bottleneck is the layer's width divided by this."""
    scale: float = Field(default=4.0, gt=0)
    """Factor of what the adapter adds."""

    card: ClassVar[Card] = Card(
        title="Parallel adapters",
        paper="He et al. 2021, arXiv:2110.04366",
        when="the strongest adapter when several per cent of extra weights are allowed",
        rates=Rates(low=1e-4, start=3e-4, high=1e-3),
        head_floor=1e-2,
        mergeable=False,
    )

    def entry(self, anatomy: Anatomy, site: Site) -> Site:
        """Where the sub-layer that ends at `site` begins."""
        return anatomy.at([BEGINNINGS[site.kind]], [site.layer])[0] if site.kind in BEGINNINGS else site


MEMBER = Parallel
