"""Units of pruning: neurons, heads and single weights, and the picture of what matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from leantune.compressors._kind import Kind
from leantune.compressors._layers import Layers
from leantune.core.measured import Importance
from leantune.kinds.compressor import Workshop
from leantune.models.gates import Gate
from leantune.models.head_slices import plan_of, plans, retained, with_heads
from leantune.models.network import Network
from leantune.models.slices import (
    as_linear,
    attention_outputs,
    feed_forward,
    head_scores,
    layer_scores,
    neuron_scores,
    neurons,
    with_neurons,
)

GROUPS = 24
"""Columns of the picture of neurons."""


class Neurons(Kind):
    """Of the feed-forward blocks, as many in each layer."""

    smaller: ClassVar[bool] = True

    def parts(self, network: Network) -> list[nn.Module]:
        """The maps out of the blocks."""
        return [network.body.get_submodule(outer.path) for _, outer in feed_forward(network.anatomy)]

    def sizes(self, network: Network) -> list[int | None]:
        """One input each."""
        return [1 for _ in self.parts(network)]

    def scores(self, network: Network, shop: Workshop, by: str, rows: int) -> list[Tensor]:
        """By first order, or by the norm of what each writes."""
        if by == "taylor":
            return neuron_scores(network, shop.batches(rows), shop.loss)
        return [as_linear(part).norm(dim=0).detach().cpu() for part in self.parts(network)]

    def cut(self, network: Network, scores: Sequence[Tensor], share: float, original: Network) -> Network:
        """Take them out."""
        count = max(1, round(share * neurons(original.anatomy)))
        return with_neurons(network, [score.argsort(descending=True)[:count].sort().values for score in scores])

    def left(self, network: Network, original: Network) -> float:
        """Of a block."""
        return neurons(network.anatomy) / neurons(original.anatomy)

    def held(self, network: Network) -> None:
        """Nothing is zero."""

    def baked(self, network: Network, gates: Sequence[Gate]) -> Network:
        """What is off is taken out; as many stay in every layer as in the one that needs most."""
        scores = [one.scores.detach().cpu() for one in gates]
        count = max(int(one.mask().sum()) for one in gates)
        network = super().baked(network, gates)
        return with_neurons(network, [score.argsort(descending=True)[:count].sort().values for score in scores])


class Heads(Kind):
    """Of all attention layers together: some may lose more than others."""

    def parts(self, network: Network) -> list[nn.Module]:
        """The maps that read the heads."""
        return [network.body.get_submodule(site.path) for site, _ in attention_outputs(network.anatomy)]

    def sizes(self, network: Network) -> list[int | None]:
        """The width of a head."""
        return [size for _, size in attention_outputs(network.anatomy)]

    def scores(self, network: Network, shop: Workshop, by: str, rows: int) -> list[Tensor]:
        """By first order, over the norm of the layer's scores (Michel et al. 2019), or by the norm of what each writes."""
        if by == "taylor":
            return [score / score.norm().clamp(min=1e-12) for score in head_scores(network, shop.batches(rows), shop.loss)]
        sizes = (size or 1 for size in self.sizes(network))
        return [_by_head(part, size).norm(dim=(0, 2)).detach().cpu() for part, size in zip(self.parts(network), sizes, strict=True)]

    @torch.no_grad()
    def cut(self, network: Network, scores: Sequence[Tensor], share: float, original: Network) -> Network:
        """Silence the least of all layers; one stays in each."""
        del original
        flat = torch.cat(list(scores))
        gone = torch.zeros_like(flat, dtype=torch.bool)
        gone[flat.argsort()[: len(flat) - max(1, round(share * len(flat)))]] = True
        for part, score, off, size in zip(
            self.parts(network), scores, torch.split(gone, [len(one) for one in scores]), self.sizes(network), strict=True
        ):
            off[score.argmax()] = False
            as_linear(part)[:, off.repeat_interleave(size or 1)] = 0
        return network

    def left(self, network: Network, original: Network) -> float:
        """Heads that are heard."""
        del original
        pairs = zip(self.parts(network), self.sizes(network), strict=True)
        heard = [(_by_head(part, size or 1) != 0).any(dim=2).any(dim=0) for part, size in pairs]
        return float(torch.cat(heard).float().mean())


class CutHeads(Heads):
    """As many of each layer, where a configuration can say that there are fewer."""

    smaller: ClassVar[bool] = True

    def cut(self, network: Network, scores: Sequence[Tensor], share: float, original: Network) -> Network:
        """Take them out: of the numbers that can be said the one next to the share, and of several the one that keeps most importance."""
        now, wanted = plan_of(network), share * original.anatomy.attention_heads
        there = [now, *plans(network)]
        nearest = min(abs(plan.queries - wanted) for plan in there)
        near = [plan for plan in there if abs(plan.queries - wanted) == nearest]
        best = max(near, key=lambda plan: (retained(plan, now, scores), -plan.groups))
        return network if best == now else with_heads(network, best, scores)

    def left(self, network: Network, original: Network) -> float:
        """Of a layer."""
        return network.anatomy.attention_heads / original.anatomy.attention_heads

    def held(self, network: Network) -> None:
        """Nothing is zero."""

    def baked(self, network: Network, gates: Sequence[Gate]) -> Network:
        """What is off is taken out; as many stay in every layer as in the one that needs most."""
        scores = [one.scores.detach().cpu().float() for one in gates]
        share = max(int(one.mask().sum()) for one in gates) / network.anatomy.attention_heads
        network = super().baked(network, gates)
        return self.cut(network, [score - score.min() for score in scores], share, network)


class Weights(Kind):
    """Single entries of all linear maps of the layers, a share of each map."""

    def parts(self, network: Network) -> list[nn.Module]:
        """All of them."""
        return [network.body.get_submodule(site.path) for site in network.anatomy.sites if site.kind != "norm"]

    def sizes(self, network: Network) -> list[int | None]:
        """Every entry is one."""
        return [None for _ in self.parts(network)]

    def scores(self, network: Network, shop: Workshop, by: str, rows: int) -> list[Tensor]:
        """By size, or by size times gradient; what is zero stays so."""
        weights: list[Any] = [part.weight for part in self.parts(network)]
        if by == "magnitude":
            return [weight.detach().abs() for weight in weights]
        totals = [torch.zeros_like(weight) for weight in weights]
        network.eval().requires_grad_(True)
        for batch in shop.batches(rows):
            shop.loss(network, batch).backward()  # type: ignore[no-untyped-call]
            for total, weight in zip(totals, weights, strict=True):
                total += torch.zeros_like(weight) if weight.grad is None else (weight * weight.grad).detach().abs()
            network.zero_grad(set_to_none=True)
        return totals

    @torch.no_grad()
    def cut(self, network: Network, scores: Sequence[Tensor], share: float, original: Network) -> Network:
        """Set the least to zero."""
        del original
        for part, score in zip(self.parts(network), scores, strict=True):
            weight: Any = part.weight
            count = max(1, round(share * score.numel()))
            mask = torch.zeros(score.numel(), device=weight.device)
            mask[score.flatten().topk(count).indices] = 1
            weight.mul_(mask.view_as(weight))
        return network

    def left(self, network: Network, original: Network) -> float:
        """Entries that are not zero."""
        del original
        weights: list[Any] = [part.weight for part in self.parts(network)]
        return float(sum(int((weight != 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights))


_KINDS: dict[str, Kind] = {"neurons": Neurons(), "heads": Heads(), "weights": Weights(), "layers": Layers()}


def _by_head(part: nn.Module, size: int) -> Tensor:
    """The weight as (outputs, heads, width of a head)."""
    weight = as_linear(part)
    return weight.reshape(len(weight), -1, size)


def kind_of(name: str, network: Network) -> Kind:
    """The kind of this name; heads are taken out where the family of the network can say that there are fewer."""
    return CutHeads() if name == "heads" and any(True for _ in plans(network)) else _KINDS[name]


def importance(network: Network, shop: Workshop, rows: int) -> Importance:
    """Of layers, heads and neurons, for the picture; judged by so many training rows."""
    layers = layer_scores(network, shop.batches(rows), shop.loss)
    heads = head_scores(network, shop.batches(rows), shop.loss)
    found = neuron_scores(network, shop.batches(rows), shop.loss)
    groups = [
        torch.stack([part.mean() for part in score.sort(descending=True).values.tensor_split(min(GROUPS, len(score)))]) for score in found
    ]
    return Importance(layers=_shares_of_largest([layers])[0], heads=_shares_of_largest(heads), neurons=_shares_of_largest(groups))


def _shares_of_largest(rows: list[Tensor]) -> list[list[float]]:
    largest = max((float(row.max()) for row in rows), default=0.0) or 1.0
    return [[round(float(value) / largest, 4) for value in row] for row in rows]
