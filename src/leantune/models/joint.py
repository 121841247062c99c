"""Joint: one body that several tasks share, and a linear head for each of them.

    joint = build_joint(base, [head of the first, head of the second], seed=1)
    joint.views()        networks of one task each, all around the same body

The heads stand outside of the body, on pooled states or on token states, as they do behind virtual tokens; so a view is saved and read
back like any network with its head outside.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from leantune.models.anatomy import Anatomy
from leantune.models.base import Base
from leantune.models.build import build_network, layout, outer_head
from leantune.models.heads import HeadSpec
from leantune.models.network import Network


class Joint(nn.Module):
    """Body and heads. `body` is replaced by a method."""

    def __init__(self, body: nn.Module, heads: Sequence[nn.Linear], poolings: Sequence[str], anatomy: Anatomy) -> None:
        super().__init__()
        self.body, self.heads, self.poolings, self.anatomy = body, nn.ModuleList(heads), list(poolings), anatomy

    def views(self) -> list[Network]:
        """A network for each task around the body as it is now; what is trained in one is trained in all."""
        pairs = zip(self.heads, self.poolings, strict=True)
        return [Network(self.body, head, pooling, self.anatomy) for head, pooling in pairs if isinstance(head, nn.Linear)]

    def head_parameters(self) -> frozenset[str]:
        """Names of the parameters of all heads."""
        return frozenset(f"heads.{name}" for name, _ in self.heads.named_parameters())

    def soft_parameters(self) -> frozenset[str]:
        """None: tasks that share a body have no prompts."""
        return frozenset()


def build_joint(base: Base, heads: Sequence[HeadSpec], *, seed: int, dropout: float = 0.0) -> Joint:
    """Load the weights once and put a fresh head for each task on them, drawn from `seed`.

    Args:
        base: the opened base model.
        heads: what each task wants.
        seed: of everything that is drawn; the first head is the one that its task would get alone.
        dropout: replaces every dropout of the base.
    """
    first = build_network(base, heads[0], seed=seed, prepends=True, dropout=dropout)
    assert first.head is not None
    linear = [first.head]
    for head in heads[1:]:
        torch.manual_seed(seed)
        linear.append(outer_head(base.config.hidden_size, head.outputs))
    return Joint(first.body, linear, [layout(base, head.kind, prepends=True) for head in heads], first.anatomy)
