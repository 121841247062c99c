"""Of a large trained table of token embeddings only the rows that training can reach are given to the optimiser.

    with seen_rows(body, trained, ids) as fewer:   # `fewer` has the small table under the large one's name
        ...

All other rows have no gradient in any step, so gradients, clipping, updates, their state and copies of the best weights skip them: the
same arithmetic on what is trained. They stay exactly as they were, where a dense optimiser would let weight decay shrink them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding

SHARE = 0.7
"""Of the rows at most; with more of them there is too little to win."""


class SeenRows(nn.Module):
    """Stands in for a table (V, D) while R of its rows are trained."""

    def __init__(self, table: nn.Embedding, ids: NDArray[np.int64]) -> None:
        super().__init__()
        self.table, chosen = table, torch.from_numpy(ids).to(table.weight.device)
        self.ids = chosen
        self.rows = nn.Parameter(table.weight.detach()[chosen])
        places = torch.full((table.num_embeddings,), -1, device=chosen.device)
        self.places = places.scatter(0, chosen, torch.arange(len(chosen), device=chosen.device))
        self.padding = None if table.padding_idx is None else int(self.places[table.padding_idx])

    @property
    def weight(self) -> Tensor:
        """(V, D) as it is now."""
        self.settle()
        return self.table.weight

    @torch.no_grad()
    def settle(self) -> None:
        """Write the rows back."""
        self.table.weight[self.ids] = self.rows

    def forward(self, ids: Tensor) -> Tensor:
        """(..., D); outside of training any token may be looked up."""
        places = self.places[ids]
        if bool((places >= 0).all()):
            return embedding(places, self.rows, self.padding if self.padding != -1 else None)
        assert not torch.is_grad_enabled() or not self.training, "a token that training was not to reach"
        return embedding(ids, self.weight)


@contextmanager
def seen_rows(body: nn.Module, trained: dict[str, nn.Parameter], ids: NDArray[np.int64] | None) -> Iterator[dict[str, nn.Parameter]]:
    """The trained parameters by name, with fewer rows of the input embeddings where that pays; whole again afterwards.

    Args:
        body: where the embeddings are.
        trained: parameters by their names.
        ids: all tokens that training can reach, rising; None where that is not known.
    """
    place = None if ids is None else _place(body, trained, len(ids))
    if place is None or ids is None:
        yield trained
        return
    owner, attribute, name = place
    table = getattr(owner, attribute)
    fewer = SeenRows(table, ids)
    table.weight.requires_grad_(False)
    setattr(owner, attribute, fewer)
    try:
        yield {key: fewer.rows if key == name else one for key, one in trained.items()}
    finally:
        fewer.settle()
        setattr(owner, attribute, table)
        table.weight.requires_grad_(True)


def _place(body: nn.Module, trained: dict[str, nn.Parameter], rows: int) -> tuple[nn.Module, str, str] | None:
    """Owner, attribute and name of the table of tokens, where it is a plain one, trained, large, and used for nothing else."""
    find = getattr(body, "get_input_embeddings", None)
    table = find() if find else None
    if type(table) is not nn.Embedding or rows > SHARE * table.num_embeddings:
        return None
    name = next((key for key, one in trained.items() if one is table.weight), None)
    homes = [(owner, key) for owner in body.modules() for key, part in owner._modules.items() if part is table]
    sharers = [part for part in body.modules() if any(one is table.weight for one in part._parameters.values())]
    if name is None or len(homes) != 1 or len(sharers) != 1 or table._forward_hooks or table._forward_pre_hooks:
        return None
    return (*homes[0], name)
