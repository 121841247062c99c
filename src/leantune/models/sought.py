"""Sought tokens: where few tokens are read, the output embedding and the last layer are shown no others.

    with narrowed(body, pick) as seen:
        logits = body(**inputs).logits          of what `pick` took of the states; `seen` holds these
    with alone(maps, read, mask):
        body(**inputs)                          maps of the last layer give 0 for the tokens that nobody reads

The embedding of a small model is half of its work; of a masked text one token in seven is sought, behind a prompt one, and many heads
read the first token alone. Hooks pick the states, so that every family, tied or wrapped by `peft`, is read in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from leantune.models.heads import is_transducer
from leantune.models.plain import plain
from leantune.models.unpadded import Layout

Pick = Callable[[Tensor], Tensor]
"""Of states or logits (B, T, D) those that are wanted; virtual tokens may stand in front of the text's own."""


def output_embedding(body: nn.Module) -> Any:
    """The layer from states to the vocabulary, whatever a method put into the body."""
    return plain(body).get_output_embeddings()


@torch.no_grad()
def ends_in_layer(body: Any) -> bool:
    """Whether a layer with a row for each token makes the logits; some families multiply by a table instead."""
    layer, read = body.get_output_embeddings(), list[Tensor]()
    if layer is None or layer.weight.shape[0] != body.get_input_embeddings().weight.shape[0]:
        return False
    handle = layer.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    ids = torch.ones((1, 2), dtype=torch.long)
    try:
        body.eval()(input_ids=ids, attention_mask=ids, **({"decoder_input_ids": ids} if is_transducer(body.config) else {}))
    finally:
        handle.remove()
    return bool(read) and read[0].shape[-1] == layer.weight.shape[1]


@contextmanager
def narrowed(body: nn.Module, pick: Pick) -> Iterator[list[Tensor]]:
    """Narrow what the body's output embedding reads, for as long as the context lasts.

    Yields:
        What it has read; nothing where the family multiplies by the table itself and never calls the layer.
    """
    seen: list[Tensor] = []

    def narrow(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        del module
        seen.append(pick(inputs[0]))
        return seen[-1], *inputs[1:]

    handle = output_embedding(body).register_forward_pre_hook(narrow)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def alone(maps: Sequence[nn.Module], read: Tensor, mask: Tensor) -> Iterator[None]:
    """Let maps of a layer, which work on each token for itself, work on these tokens alone, for as long as the context lasts.

    Args:
        maps: called once each, with states (B, T, D), or (1, N, D) where rows stand one after the other (`models.unpadded`).
        read: (B, T) bool; virtual tokens may stand in front of the text's own.
        mask: (B, T); 1 where a token stands.
    """
    shape, places = torch.Size(), torch.empty(0)

    def pick(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        del module
        nonlocal shape, places
        states, *others = inputs
        if states.shape[:2] != shape:
            shape, places = states.shape[:2], _places(states, read, mask)
        return states.flatten(0, 1).index_select(0, places).unsqueeze(0), *others

    def put_back(module: nn.Module, inputs: Any, found: Tensor) -> Tensor:
        del module, inputs
        return found.new_zeros(shape.numel(), found.shape[-1]).index_copy(0, places, found[0]).view(*shape, -1)

    with ExitStack() as stack:
        for part in maps:
            # Outermost, because adapters beside a map keep what it is given.
            stack.callback(part.register_forward_pre_hook(pick, prepend=True).remove)
            stack.callback(part.register_forward_hook(put_back).remove)
        yield


def _places(states: Tensor, read: Tensor, mask: Tensor) -> Tensor:
    """(K,) numbers of the tokens that are read among all those of the states."""
    side_by_side = len(states) == len(read)
    there: Tensor = nn.functional.pad(read, (states.shape[1] - read.shape[1], 0)) if side_by_side else Layout.of(mask).pack(read)
    return there.flatten().nonzero().flatten()


def at_tokens(states: Tensor, *, sought: Tensor) -> Tensor:
    """Those of the tokens where (B, T) `sought` is true: (1, N, D)."""
    return states[:, -sought.shape[1] :][sought].unsqueeze(0)


def at_places(states: Tensor, *, places: Tensor, width: int) -> Tensor:
    """Those at (B, M) `places` of texts of `width` tokens: (B, M, D)."""
    at = places + (states.shape[1] - width)
    return states.gather(1, at.unsqueeze(-1).expand(-1, -1, states.shape[-1]))


def at_sought(targets: Tensor, sought: Tensor | None) -> Tensor:
    """The targets that belong to narrowed logits: (1, N); all of them where nothing is narrowed."""
    return targets if sought is None else targets[sought].unsqueeze(0)
