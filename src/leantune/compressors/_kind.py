"""Kind: what pruning takes out, as it is scored, cut, held at zero and gated; neurons, heads, weights and layers are kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from leantune.kinds.compressor import Workshop
from leantune.models.gates import Gate, gate, ungate
from leantune.models.network import Network


class Kind:
    """What is taken out."""

    smaller: ClassVar[bool] = False
    """Whether the model has fewer parameters afterwards."""

    def parts(self, network: Network) -> list[nn.Module]:
        """The linear maps whose inputs or entries are the units."""
        raise NotImplementedError

    def sizes(self, network: Network) -> list[int | None]:
        """Inputs that make a unit of each of them; None: every entry is one."""
        raise NotImplementedError

    def scores(self, network: Network, shop: Workshop, by: str, rows: int) -> list[Tensor]:
        """Importance of the units of each part."""
        raise NotImplementedError

    def cut(self, network: Network, scores: Sequence[Tensor], share: float, original: Network) -> Network:
        """Leave a share of what the original has."""
        raise NotImplementedError

    def rounds(self, shares: Sequence[float], original: Network) -> list[float]:
        """Those of the falling shares that leave something else than the one before."""
        del original
        return list(shares)

    def left(self, network: Network, original: Network) -> float:
        """Share of the units that is there."""
        raise NotImplementedError

    def held(self, network: Network) -> Callable[[int], None] | None:
        """What keeps zeros zero after a step."""
        masks = [(part, part.weight != 0) for part in self.parts(network)]  # type: ignore[operator]

        @torch.no_grad()
        def hold(step: int) -> None:
            del step
            for part, mask in masks:
                weight: Any = part.weight
                weight.mul_(mask)

        return hold

    def gates(self, network: Network, *, soft: bool) -> list[Gate]:
        """Gates whose scores are learned."""
        return [gate(part, size, soft=soft) for part, size in zip(self.parts(network), self.sizes(network), strict=True)]

    def baked(self, network: Network, gates: Sequence[Gate]) -> Network:
        """The network without gates."""
        del gates
        ungate(part for part in self.parts(network) if parametrize.is_parametrized(part))
        return network
