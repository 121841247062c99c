"""Sharding: weights, gradients and optimiser state of a network divided among processes while it is trained (FSDP).

    with sharded(network, mesh):        parameters are DTensors, gathered layer by layer as they are needed
        ...
                                        afterwards the network is what it was, with the weights of now

Each block is divided, and a table at either end of the body that is larger than a block and shares its weight with nothing; all else is
whole everywhere, and its gradients have to be averaged by whoever trains.
accelerate 1.15 divides nothing on CPUs, so this goes by torch's own `fully_shard`, on the processes that accelerate joined.

Reference: Zhao et al. 2023, arXiv:2304.11277.
"""

from __future__ import annotations

from collections import Counter
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


@contextmanager
def sharded(network: Network, mesh: DeviceMesh) -> Iterator[None]:
    """Divided while the block lasts."""
    before = [_Before(module) for module in network.modules()]
    for unit in _units(network):
        # Each is a root of its own, whatever is called first: a body that writes is not called through its network.
        fully_shard(unit, mesh=mesh, reshard_after_forward=True)
    yield
    whole = _gathered(network)  # by all processes together, so not after a failure, of which the others may not know
    for one in before:
        one.restore(whole)


class _Before:
    """A module as it was before `fully_shard` changed its class, hung hooks into it and left its state with it."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.kind, self.names = module, type(module), set(vars(module))
        self.hooks = {name: value.copy() for name, value in vars(module).items() if "hooks" in name and isinstance(value, dict)}

    def restore(self, whole: dict[int, nn.Parameter]) -> None:
        """As it was, with whole parameters."""
        module = self.module
        module.__class__ = self.kind
        for name in set(vars(module)) - self.names:
            del vars(module)[name]
        for name, value in self.hooks.items():
            table = vars(module)[name]  # the same one, to which whoever hung hooks into it before holds on
            table.clear()
            table.update(value)
        for name, parameter in list(module._parameters.items()):
            if parameter is not None:
                setattr(module, name, whole[id(parameter)])


def _units(network: Network) -> Iterator[nn.Module]:
    """What is gathered at once: blocks, then larger tables at both ends of the body, where nothing else reads their weights."""
    body = plain(network.body)
    blocks = list(dict.fromkeys(body.get_submodule(path) for path in network.anatomy.blocks))
    yield from blocks
    large = max(sum(one.numel() for one in block.parameters()) for block in blocks)
    ends: list[Any] = [getattr(body, f"get_{end}_embeddings", lambda: None)() for end in ("input", "output")]
    holders = Counter(id(parameter) for module in network.modules() for parameter in module._parameters.values())
    for end in dict.fromkeys(ends):
        if type(end) in (nn.Embedding, nn.Linear) and end.weight.numel() >= large and holders[id(end.weight)] == 1:
            yield end


@torch.no_grad()
def _gathered(network: Network) -> dict[int, nn.Parameter]:
    """Whole parameters by the identity of what stands in their place."""
    parameters: Iterable[Any] = network.parameters()
    return {id(one): nn.Parameter(one.full_tensor(), one.requires_grad) if is_divided(one) else one for one in parameters}
