"""Elastic networks: smaller networks inside of one, which share its weights.

    ordered(network, scores)             the neurons of each feed-forward block by falling importance; says exactly what it said before
    inside(network, layers)              a network of some of its layers, on the very same parameters
    with narrow(found, 512): ...         only the first neurons of each block speak while the block lasts
    cut(network, Size(3, 512))           that network as one of its own, an ordinary checkpoint

References: Yu and Huang 2019, arXiv:1903.05134 (slimmable networks); Cai et al. 2020, arXiv:1908.09791; Hou et al. 2020,
arXiv:2004.04037 (DynaBERT).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from leantune.core.layers import evenly
from leantune.models.anatomy import Anatomy
from leantune.models.network import Network
from leantune.models.slices import feed_forward, stacks, with_layers, with_neurons


@dataclass(frozen=True)
class Size:
    """Of a network inside of another one."""

    layers: int
    """Of an encoder-decoder on each side, at most what it has."""
    neurons: int
    """Of each feed-forward block."""


def ordered(network: Network, scores: Sequence[Tensor]) -> Network:
    """The same function with the neurons of each block in another order.

    Args:
        network: changed in place.
        scores: (neurons,) of each layer, the most important one first afterwards.
    """
    return with_neurons(network, [score.argsort(descending=True, stable=True) for score in scores])


def layers_kept(found: Anatomy, count: int) -> dict[str, list[int]]:
    """The numbers of the layers that are left of each stack, evenly taken."""
    return {path: [numbers[place] for place in evenly(len(numbers), min(count, len(numbers)))] for path, numbers in stacks(found).items()}


def inside(network: Network, layers: Mapping[str, Sequence[int]]) -> Network:
    """A network of some layers on the same parameters: what trains it trains the whole one."""
    shared: dict[int, Any] = {id(value): value for value in (*network.parameters(), *network.buffers())}
    return with_layers(copy.deepcopy(network, shared), layers)


@contextmanager
def narrow(network: Network, count: int) -> Iterator[Network]:
    """The network with so many of the first neurons of each feed-forward block."""

    def silence(part: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        del part
        first, *rest = inputs
        speaks = torch.arange(first.shape[-1], device=first.device) < count
        return (first * speaks, *rest)

    with ExitStack() as stack:
        for _, outer in feed_forward(network.anatomy):
            stack.callback(network.body.get_submodule(outer.path).register_forward_pre_hook(silence).remove)
        yield network


def cut(network: Network, size: Size) -> Network:
    """A network of its own with the evenly taken layers and the first neurons of each block; `network` stays as it is."""
    smaller = with_layers(copy.deepcopy(network), layers_kept(network.anatomy, size.layers))
    return with_neurons(smaller, [torch.arange(size.neurons) for _ in smaller.anatomy.blocks])
