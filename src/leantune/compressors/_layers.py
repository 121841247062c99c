"""Whole layers as units of pruning: fewer of them, an ordinary model of the family.

    taylor       |sum of (y - x) * dL/dy| of a layer that makes y out of x
    magnitude    root mean square of the entries of its linear maps, which the layers of both sides of an encoder-decoder compare by

References: Molchanov et al. 2017, arXiv:1611.06440 (the criterion); Kim et al. 2024, arXiv:2402.02834 (both, of whole layers).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from leantune.compressors._kind import Kind
from leantune.core.errors import SpecError
from leantune.kinds.compressor import Workshop
from leantune.models.anatomy import Anatomy
from leantune.models.network import Network
from leantune.models.slices import immovable, layer_scores, removable, stacks, without_layers


class Layers(Kind):
    """Of all stacks together; one stays in each."""

    smaller: ClassVar[bool] = True

    def scores(self, network: Network, shop: Workshop, by: str, rows: int) -> list[Tensor]:
        """One row, (layers,)."""
        if by == "taylor":
            return [layer_scores(network, shop.batches(rows), shop.loss)]
        return [torch.stack([_size(network, number) for number in range(len(network.anatomy.blocks))])]

    def cut(self, network: Network, scores: Sequence[Tensor], share: float, original: Network) -> Network:
        """Take out the least, one after the other: which ones can go depends on those that went.

        Raises:
            SpecError: E-METHOD where those that are left are made differently and none of them can go.
        """
        (score,), wanted, whole = scores, count(share, original.anatomy), len(original.anatomy.blocks)
        worth = score.tolist()
        while (there := len(network.anatomy.blocks)) > wanted:
            free = removable(network)
            if not free:
                raise SpecError(
                    f"prune(layers): the target cannot be reached: {wanted} of {whole} layers were asked for, and "
                    f"of the {there} that are left none can be taken out, because the others are made differently. Keep more.",
                    "E-METHOD",
                )
            least = min(free, key=worth.__getitem__)
            network = without_layers(network, [least])
            del worth[least]
        return network

    def rounds(self, shares: Sequence[float], original: Network) -> list[float]:
        """Each number of layers once."""
        there = len(original.anatomy.blocks)
        counts = dict.fromkeys(count(share, original.anatomy) for share in shares)
        return [left / there for left in counts if left < there]

    def left(self, network: Network, original: Network) -> float:
        """Of all stacks."""
        return len(network.anatomy.blocks) / len(original.anatomy.blocks)

    def held(self, network: Network) -> None:
        """Nothing is zero."""


def count(share: float, found: Anatomy) -> int:
    """Layers that a share is, at least one of each stack."""
    return max(len(stacks(found)), round(share * len(found.blocks)))


def refusal(found: Anatomy, keep: float | None) -> str | None:
    """Why that share of the layers cannot be left, in one line; None when it can."""
    there, least = len(found.blocks), len(stacks(found))
    if reason := immovable(found):
        return reason
    if there == least:
        return "it has no layer to spare"
    if keep is None:
        return None
    if round(keep * there) >= there:
        return f"keep={keep:g} leaves nothing to take out: the model has {there} layers"
    if round(keep * there) < least:
        return f"keep={keep:g} of {there} layers is less than one{' on each side' if least > 1 else ''}, and that many must stay"
    return None


def _size(network: Network, layer: int) -> Tensor:
    """Root mean square of the entries of its linear maps."""
    found = [site for site in network.anatomy.sites if site.layer == layer and site.kind != "norm"]
    weights: list[Any] = [network.body.get_submodule(site.path).weight for site in found]
    return torch.cat([weight.detach().flatten().float() for weight in weights]).square().mean().sqrt().cpu()
