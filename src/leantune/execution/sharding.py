"""Sharding: weights, gradients and optimiser state of a network divided among processes while it is trained (FSDP).

    with sharded(network, mesh):        parameters are DTensors, gathered layer by layer as they are needed
        ...
                                        afterwards the network is what it was, with the weights of now

Each block and each large matrix outside of them is divided; vectors and small matrices are not, and their gradients have to be averaged by
whoever trains. accelerate 1.15 divides nothing on CPUs, so this goes by torch's own `fully_shard`, on the processes that accelerate joined.

Reference: Zhao et al. 2023, arXiv:2304.11277.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard

from leantune.models.divided import is_divided
from leantune.models.network import Network
from leantune.models.plain import plain

LARGE = 2**16
"""Numbers of a matrix from which on it is divided."""


@contextmanager
def sharded(network: Network, mesh: DeviceMesh) -> Iterator[None]:
    """Divided while the block lasts."""
    before = [(module, type(module), _hooks(module)) for module in network.modules()]
    for unit in _units(network):
        fully_shard(unit, mesh=mesh)  # type: ignore[operator]
    yield
    whole = _gathered(network)  # by all processes together, so not after a failure, of which the others may not know
    for module, kind, hooks in before:
        module.__class__ = kind
        for name, value in hooks.items():
            setattr(module, name, value)
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = whole[id(parameter)]


def _units(network: Network) -> Iterator[nn.Module | list[nn.Module]]:
    """What is gathered at once: blocks, then large matrices outside of them; those that share a matrix together."""
    body = plain(network.body)
    blocks = [body.get_submodule(path) for path in network.anatomy.blocks]
    inside = {id(part) for block in blocks for part in block.modules()}
    yield from dict.fromkeys(blocks)
    owners: dict[int, list[nn.Module]] = {}
    for module in network.modules():
        if id(module) in inside:
            continue
        for parameter in module._parameters.values():
            if parameter is not None and parameter.ndim > 1 and parameter.numel() >= LARGE:
                owners.setdefault(id(parameter), []).append(module)
    for modules in owners.values():
        yield modules[0] if len(modules) == 1 else modules


def _hooks(module: nn.Module) -> dict[str, Any]:
    """Copies of a module's tables of hooks, which `fully_shard` writes into."""
    return {name: value.copy() for name, value in vars(module).items() if "hooks" in name and isinstance(value, dict)}


@torch.no_grad()
def _gathered(network: Network) -> dict[int, nn.Parameter]:
    """Whole parameters by the identity of what stands in their place."""
    parameters: Iterable[Any] = network.parameters()
    return {id(one): nn.Parameter(one.full_tensor(), one.requires_grad) if is_divided(one) else one for one in parameters}
