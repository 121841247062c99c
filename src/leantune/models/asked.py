"""Reading a body that ends in its vocabulary only where something is sought: elsewhere no logits are computed.

    states, logits = read_at(body, call, places)       (B, M, D), (B, M, V)

A hook on the output embedding picks the states, so that every family, tied or wrapped by `peft`, is read in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peft import PeftModel
from torch import Tensor, nn


def output_embedding(body: nn.Module) -> Any:
    """The layer from states to the vocabulary."""
    inner: Any = body.get_base_model() if isinstance(body, PeftModel) else body
    return inner.get_output_embeddings()


def read_at(body: nn.Module, call: Callable[[], Tensor], places: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """States before the output embedding and logits at some tokens.

    Args:
        body: ends in the vocabulary.
        call: runs it and gives its logits.
        places: (B, M) the tokens.
        width: tokens of the text, T; virtual ones may stand before them.
    """
    seen: list[Tensor] = []

    def pick(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        seen.append(_at(inputs[0], places, width))
        return seen[-1], *inputs[1:]

    handle = output_embedding(body).register_forward_pre_hook(pick)
    try:
        logits = call()
    finally:
        handle.remove()
    # Some families multiply by the embedding table themselves and never call the layer.
    return (seen[0], logits) if seen else (logits, _at(logits, places, width))


def _at(states: Tensor, places: Tensor, width: int) -> Tensor:
    at = places + (states.shape[1] - width)
    return states.gather(1, at.unsqueeze(-1).expand(-1, -1, states.shape[-1]))
