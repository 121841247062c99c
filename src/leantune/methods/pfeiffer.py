"""Pfeiffer adapters: one small bottleneck per block, behind the feed-forward part.

    h <- h + W_up act(W_down h + b) + b'        behind feed-forward, before residual and norm

Trains      2 d m + m + d numbers per layer.                 At start   W_up = 0: the model is unchanged.
Afterwards  cannot be merged: stays as extra computation.    Reference  Pfeiffer et al. 2020, arXiv:2005.00247.
"""

from __future__ import annotations

from typing import ClassVar

from leantune.kinds.method import Card, Rates
from leantune.methods._adapter import AdapterMethod


class Pfeiffer(AdapterMethod):
    """One bottleneck per block."""

    card: ClassVar[Card] = Card(
        title="Pfeiffer adapters",
        paper="Pfeiffer et al. 2020, arXiv:2005.00247",
        when="half of Houlsby's size for nearly its quality; many tasks on one frozen body",
        rates=Rates(low=3e-4, start=1e-3, high=3e-3),
        mergeable=False,
    )


MEMBER = Pfeiffer
