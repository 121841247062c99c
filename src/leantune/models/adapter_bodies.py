"""Adapter bodies: the small function that a bottleneck adapter adds to what it sees.

    linear       A(h) = W h + b                                W (outputs, inputs)
    bottleneck   A(h) = W_up act(W_down h + b) + b'            W_down (width, inputs)    W_up (outputs, width)
    attention    A(h) = W_up softmax(Q K^T / sqrt(width)) V    Q, K, V = W h (T, width), over the tokens of the row

Letters: B rows, T tokens. The last map starts at zero (or small), so that an adapter starts as (nearly) nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}
SMALL = 1e-3
"""Standard deviation of both maps under `init=small`; google-research/adapter-bert."""


def make_body(kind: str, shape: tuple[int, int, int], *, activation: str, init: str, causal: bool) -> nn.Module:
    """A fresh body; `shape` is (inputs, outputs, width), random numbers come from the global generator."""
    if kind == "linear":
        return LinearMap(shape[0], shape[1], init)
    if kind == "bottleneck":
        return Bottleneck(shape, ACTIVATIONS[activation], init)
    return TokenAttention(shape, init, causal=causal)


class LinearMap(nn.Module):
    """A(h) = W h + b.   h (..., inputs) -> (..., outputs)"""

    def __init__(self, inputs: int, outputs: int, init: str) -> None:
        super().__init__()
        self.up = _last(inputs, outputs, init)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """The mask is not needed: tokens do not meet here."""
        del mask
        return self.up(states)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """A(h) = W_up act(W_down h + b) + b'.   h (..., inputs) -> (..., outputs)"""

    def __init__(self, shape: tuple[int, int, int], activation: Callable[[Tensor], Tensor], init: str) -> None:
        super().__init__()
        inputs, outputs, width = shape
        self.down = nn.Linear(inputs, width)
        nn.init.zeros_(self.down.bias)
        if init == "small":
            nn.init.trunc_normal_(self.down.weight, std=SMALL, a=-2 * SMALL, b=2 * SMALL)
        else:
            nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        self.up, self.activation = _last(width, outputs, init), activation

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """The mask is not needed: tokens do not meet here."""
        del mask
        return self.up(self.activation(self.down(states)))  # type: ignore[no-any-return]


class TokenAttention(nn.Module):
    """One small attention head over the tokens of the row.   h (B, T, inputs) -> (B, T, outputs)"""

    def __init__(self, shape: tuple[int, int, int], init: str, *, causal: bool) -> None:
        super().__init__()
        inputs, outputs, width = shape
        self.query, self.key, self.value = (nn.Linear(inputs, width, bias=False) for _ in range(3))
        self.up, self.causal = _last(width, outputs, init), causal

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """Padding is never read; a decoder's token reads only itself and the tokens before it."""
        rows, tokens = states.shape[0], states.shape[1]
        seen = states.new_ones(rows, tokens, dtype=torch.bool) if mask is None else mask[:, -tokens:].bool()
        allowed = seen[:, None, :].expand(rows, tokens, tokens)
        if self.causal:
            allowed = allowed & torch.ones(tokens, tokens, dtype=torch.bool, device=states.device).tril()
        # The lowest number and not minus infinity: a padded row of a left-padded batch would become NaN.
        bias = torch.zeros_like(allowed, dtype=states.dtype).masked_fill(~allowed, torch.finfo(states.dtype).min)
        mixed = functional.scaled_dot_product_attention(self.query(states), self.key(states), self.value(states), attn_mask=bias)
        return self.up(mixed)  # type: ignore[no-any-return]


def _last(inputs: int, outputs: int, init: str) -> nn.Linear:
    """The map that writes: zero, or small."""
    last = nn.Linear(inputs, outputs)
    nn.init.zeros_(last.bias)
    if init == "small":
        nn.init.trunc_normal_(last.weight, std=SMALL, a=-2 * SMALL, b=2 * SMALL)
    else:
        nn.init.zeros_(last.weight)
    return last
