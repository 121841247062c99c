"""Packed rows: inside of the layers the tokens of a batch stand one after the other, without the padding between them.

    with unpadded(layers, attention_mask): body(...)         layers from `trunk.layers_of`

What comes before and after the layers sees (B, T, D) as ever; behind the last layer the states of padding are 0. A row attends to itself
alone: rows of one length at a time, or on a GPU all at once by variable-length attention (Dao 2023, arXiv:2307.08691).
For the time of a call the layers' `forward` is another one. A family that attends by itself cannot be packed; see `execution.unpadding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from leantune.models.attention import attending

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # torch before 2.10
    varlen_attn = None  # type: ignore[assignment]

WIDEST_HEAD = 256
"""Numbers in a head that flash attention takes at most."""


@contextmanager
def unpadded(layers: Sequence[nn.Module], mask: Tensor) -> Iterator[None]:
    """Around a call of the body that the layers belong to.

    Args:
        layers: in the order of the forward pass, each called once.
        mask: (B, T); 1 where a token stands.
    """
    if bool(mask.all()):  # nothing to leave out
        yield
        return
    layout = Layout.of(mask)
    with attending(layout.attend):
        for layer in layers:
            layer.forward = layout.inside(layer.forward, last=layer is layers[-1])  # type: ignore[method-assign]
        try:
            yield
        finally:
            for layer in layers:
                del layer.forward


@dataclass(frozen=True)
class Layout:
    """Where the tokens of padded rows (B, T) stand among the N packed ones: row by row, short rows first."""

    rows: int
    width: int
    places: Tensor
    """(N,) int64: b * T + t of each token."""
    runs: tuple[tuple[int, int], ...]
    """(rows, tokens of each) for each length."""

    @classmethod
    def of(cls, mask: Tensor) -> Layout:
        """The layout of (B, T) with 1 where a token stands."""
        rows, width = mask.shape
        lengths, order = mask.sum(dim=1).sort(stable=True)
        numbers = torch.arange(rows * width, device=mask.device).view(rows, width)
        distinct = torch.unique_consecutive(lengths, return_counts=True)  # type: ignore[no-untyped-call]
        tokens, of_each = torch.stack(distinct).tolist()  # at once, because a GPU has to be waited for
        return cls(rows, width, numbers[order][mask[order].bool()], tuple(zip(of_each, tokens, strict=True)))

    def inside(self, forward: Callable[..., Any], *, last: bool) -> Callable[..., Any]:
        """A layer's forward for packed states; the last one gives padded states again."""

        def call(*given: Any, **named: Any) -> Any:
            found = forward(*self.pack(given), **self.pack(named))
            if not last:
                return found
            return self.unpack(found) if isinstance(found, Tensor) else (self.unpack(found[0]), *found[1:])

        return call

    def pack(self, value: Any) -> Any:
        """An argument of a layer; masks are for padded rows, so they become None."""
        if isinstance(value, tuple):
            return tuple(self.pack(one) for one in value)
        if isinstance(value, dict):
            return {name: self.pack(one) for name, one in value.items()}
        if not isinstance(value, Tensor) or value.ndim < 2:
            return value
        if value.ndim == 4 and value.shape[1] == 1 and value.shape[3] == self.width:
            return None
        if value.shape[:2] == (self.rows, self.width):
            return value.flatten(0, 1).index_select(0, self.places).unsqueeze(0)
        # The same for all rows, as positions are.
        return value.index_select(1, self.places % self.width) if value.shape[:2] == (1, self.width) else value

    def unpack(self, states: Tensor) -> Tensor:
        """(1, N, D) as (B, T, D)."""
        padded = states.new_zeros(self.rows * self.width, states.shape[2])
        return padded.index_copy(0, self.places, states[0]).view(self.rows, self.width, -1)

    def attend(self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, _: None, **options: Any) -> tuple[Tensor, None]:
        """Attention of each row to itself, (1, H, N, d) each; gives (1, N, H, d)."""
        window, longest = options.get("sliding_window"), self.runs[-1][1]
        if window is not None and window < longest:
            raise NotImplementedError(f"rows of {longest} tokens that attend to {window} around each")  # each family counts them otherwise
        if options.get("position_bias") is not None:
            raise NotImplementedError("biases of positions, which are those of padded rows")
        # Rotary positions leave queries and keys in float32 among shorter products.
        kind = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else query.dtype
        short = query.is_cuda and kind in (torch.bfloat16, torch.float16) and query.shape[3] <= WIDEST_HEAD
        if varlen_attn is not None and short and not options.get("dropout"):
            return self._at_once(module, query.to(kind), key.to(kind), value.to(kind), **options), None
        found, start = [], 0
        for rows, length in self.runs:
            end = start + rows * length
            one = (part[0, :, start:end].reshape(-1, rows, length, part.shape[3]).transpose(0, 1) for part in (query, key, value))
            states, _ = sdpa_attention_forward(module, *one, None, **options)  # (rows, length, H, d)
            found.append(states.flatten(0, 1))
            start = end
        return torch.cat(found).unsqueeze(0), None

    def _at_once(self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
        """The same in one kernel."""
        lengths = [length for rows, length in self.runs for _ in range(rows)]
        ends = torch.tensor([0, *lengths], device=query.device, dtype=torch.int32).cumsum(0, dtype=torch.int32)
        causal = options.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        rows = [part[0].transpose(0, 1) for part in (query, key, value)]
        states: Any = varlen_attn(
            *(*rows, ends, ends, lengths[-1], lengths[-1]),  # type: ignore[arg-type]
            scale=options.get("scaling"),
            window_size=(-1, 0) if causal else (-1, -1),
            enable_gqa=query.shape[1] != key.shape[1],
        )
        return states.unsqueeze(0)  # type: ignore[no-any-return]
