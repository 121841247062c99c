"""Unpadding: whether a training can leave out the padding inside of the layers (`models.unpadded`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from leantune.execution.agreement import agree, attempted, watched
from leantune.execution.context import Context
from leantune.execution.precision import Products
from leantune.execution.results import Attached
from leantune.models.attention import SDPA
from leantune.models.network import Batch, prepends
from leantune.models.plain import plain
from leantune.models.trunk import layers_of
from leantune.models.unpadded import unpadded

CLOSE: dict[Products, float] = {"fp32": 1e-4, "bf16": 2e-2}
"""Largest difference of states, as a share of their size."""
Unpadding = Callable[[Batch], AbstractContextManager[None]]
"""Around a call for a batch."""


_KEPT = "rows keep their padding inside of the layers: this base with this method attends to rows side by side, or in windows"


def unpadding_in(context: Context, attached: Attached) -> Unpadding | str | None:
    """How padding is left out in a trial; why it is not, where it was to be; None where nobody wants it."""
    if not context.conditions.unpad:
        return None
    network = attached.network
    layers = layers_of(network)
    if layers is None or watched(context) or not _lets(network.body):
        return _KEPT

    def around(batch: Batch) -> AbstractContextManager[None]:
        return unpadded(layers, batch.attention_mask)

    close = CLOSE[context.precision.products]
    fits = attempted(lambda: agree(context, network, layers, lambda *_: nullcontext(), lambda _, batch: around(batch), close=close))
    return around if fits else _KEPT


def _lets(body: torch.nn.Module) -> bool:
    """Whether rows attend by a function that can be replaced, and to nothing that stands before them."""
    return not prepends(body) and getattr(getattr(plain(body), "config", None), "_attn_implementation", None) == SDPA
