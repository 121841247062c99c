"""Narrowing: whether the last layer of a training can work on the tokens alone that are read (`models.sought.alone`).

Attention reads all keys and values; the query, what follows it and the feed-forward block work on each token for itself, and what a
head or an output embedding does not read they need not make. Steps and looks at dev are narrowed, test rows are computed in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from leantune.core.study import Job
from leantune.execution.agreement import attempted, some_pieces, watched
from leantune.execution.context import Context
from leantune.execution.results import Attached
from leantune.models.heads import VOCABULARY
from leantune.models.network import POOLINGS, Network
from leantune.models.trunk import drops, layers_of, module_at

_AFTER = ("attention_out", "ffn_in", "ffn_out")
KINDS = (("query", *_AFTER), _AFTER, ("ffn_in", "ffn_out"))
"""Where each token is worked on for itself, most first: DeBERTa puts positions through the query too, and an adapter beside the attention
reads all tokens."""
CLOSE = 1e-4
"""Largest difference of logits, as a share of their size."""
MOVED = 0.02
"""Standard deviation of what is added to trained weights for the comparison: methods begin where they change nothing, some heads at 0."""


@dataclass(frozen=True)
class Narrowing:
    """Around calls of a network: its last layer works on the tokens alone that are read."""

    network: Network
    maps: Sequence[nn.Module]
    pools: str | None
    """See `Network.only_read`."""

    def __call__(self) -> AbstractContextManager[None]:
        """For as long as the context lasts."""
        return self.network.only_read(self.maps, self.pools)


def narrowing_in(context: Context, job: Job, attached: Attached) -> Narrowing | None:
    """How the last layer is narrowed in a trial; None where all of its tokens are read, or where that gives something else."""
    network = attached.network
    pools = _pools(network) if context.head.kind == "sequence" else None
    few = context.encoded(context.learned).asks or context.head.kind in VOCABULARY or pools in ("cls", "last")
    if not context.conditions.narrow or watched(context) or not few:
        return None
    choices = (Narrowing(network, maps, pools) for kinds in KINDS if (maps := _maps(network, kinds)))
    return next((one for one in choices if attempted(partial(_same, context, job, one))), None)


def _pools(network: Network) -> str:
    """What a head reads of a piece, whether it stands outside of the body or not; a guess, which is tried."""
    return network.pooling if network.pooling in POOLINGS else "last" if network.anatomy.causal else "cls"


def _maps(network: Network, kinds: Sequence[str]) -> list[nn.Module]:
    """Of the last layer, but for a map to query, key and value at once; none where something is dropped inside, which draws by tokens."""
    if not layers_of(network):
        return []
    paths = [site.path for site in network.anatomy.at(kinds, [-1]) if site.kind in kinds]
    found = [part for path in paths if (part := module_at(network.body, path)) is not None]
    return [] if any(map(drops, found)) else found


def _heads(network: Network) -> list[nn.Linear]:
    """The maps to the answers, and what stands before them in a head of the family."""
    parts = [network.head, *(module_at(network.body, path) for path in network.anatomy.heads)]
    return [one for part in parts if part is not None for one in part.modules() if isinstance(one, nn.Linear)]


@torch.inference_mode()
def _same(context: Context, job: Job, narrowing: Narrowing) -> bool:
    """Whether rows of all lengths get the same logits either way, whatever the method will have made of the maps."""
    assert job.recipe is not None
    network = narrowing.network.eval()
    split = context.learned
    hiding = np.random.default_rng(0) if job.recipe.masking == "dynamic" else None
    batch = context.batch(split, some_pieces(context.encoded(split).visits), targets=True, random=hiding)
    assert batch.targets is not None
    sought = context.task.sought(batch.targets)
    with _moved(narrowing.maps, _heads(network)):
        whole = network(batch, sought)
        with narrowing():
            found = network(batch, sought)
    return bool(whole.norm() > 0) and bool((found - whole).norm() <= CLOSE * whole.norm())


@contextmanager
def _moved(maps: Sequence[nn.Module], heads: Sequence[nn.Linear]) -> Iterator[None]:
    """Trained weights of the maps elsewhere for a moment, and heads without a bias, which may be larger than all that they read."""
    trained = [value for part in maps for value in part.parameters() if value.requires_grad]
    moved = [*trained, *(head.weight for head in heads)]
    biases = [head.bias for head in heads if head.bias is not None]
    kept, random = [(value, value.clone()) for value in (*moved, *biases)], torch.Generator().manual_seed(0)
    for value in moved:
        value.add_(MOVED * torch.randn(value.shape, generator=random).to(value))
    for bias in biases:
        bias.zero_()
    try:
        yield
    finally:
        for value, before in kept:
            value.copy_(before)
