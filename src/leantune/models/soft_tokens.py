"""Soft tokens: trained vectors that stand in a text where a prompt left room for them.

    tokens     2023, -1, -2, 103                 -(j + 1): the j-th soft token, see `data.soft_tokens`
    vectors    e(2023), v_1, v_2, e(103)         v (N, D) trained: v = s, or v = s + encoder(s) with both trained

At the start v are rows of the embedding: of the words that the prompt gives, elsewhere drawn by the seed among the frequent ones. The body
was trained on such rows, and random numbers do worse on all but the largest bodies (Lester et al. 2021,
arXiv:2104.08691, section 3.2). An encoder (a two-way LSTM before two
linear maps, or the maps alone; Liu et al. 2021, arXiv:2103.10385) moves the tokens together. It is added to what it reads and
begins at zero (as in arXiv:2305.03937), so that words stay where they start, and is dropped when the vectors are stored.

Letters: N soft tokens, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from leantune.models.heads import SoftSpec
from leantune.models.plain import plain
from leantune.models.tensor_file import write_tensors

FILE = "soft_tokens.safetensors"
_LAYERS = 2


class SoftTokens(nn.Module):
    """The vectors of all soft tokens of a prompt."""

    def __init__(self, start: Tensor, encoder: str | None = None) -> None:
        """`start` (N, D)."""
        super().__init__()
        self.vectors = nn.Parameter(start.detach().clone())
        self.encoder = None if encoder is None else _Encoder(start.shape[1], recurrent=encoder == "lstm")

    def forward(self) -> Tensor:
        """(N, D)."""
        return self.vectors if self.encoder is None else self.vectors + self.encoder(self.vectors)


class _Encoder(nn.Module):
    """(N, D) to (N, D), at first zeros."""

    def __init__(self, width: int, *, recurrent: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, _half(width), _LAYERS, bidirectional=True) if recurrent else None
        self.inner = nn.Linear(2 * _half(width) if recurrent else width, width)
        self.outer = nn.Linear(width, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        read = vectors if self.lstm is None else self.lstm(vectors)[0]
        return self.outer(torch.relu(self.inner(read)))  # type: ignore[no-any-return]


def cost(spec: SoftSpec, width: int) -> int:
    """Trained numbers, encoder included, on embeddings of this width."""
    plain = len(spec.starts) * width
    if spec.encoder is None:
        return plain
    linear, half = width * width + width, _half(width)
    if spec.encoder == "mlp":
        return plain + 2 * linear
    recurrent = sum(2 * 4 * half * (inputs + half + 2) for inputs in (width, *[2 * half] * (_LAYERS - 1)))
    return plain + recurrent + (2 * half * width + width) + linear


def _half(width: int) -> int:
    """Width of the LSTM in either direction."""
    return max(1, width // 2)


@torch.no_grad()
def start_soft_tokens(body: nn.Module, spec: SoftSpec, *, seed: int) -> SoftTokens:
    """Soft tokens at their start; the free ones are drawn from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    layer = _embeddings(body)[0]
    drawn = torch.tensor(spec.drawn_from or range(layer.num_embeddings))
    chosen = drawn[torch.randint(len(drawn), (len(spec.starts),), generator=generator)]
    starts = torch.tensor(spec.starts)
    return SoftTokens(layer(torch.where(starts < 0, chosen, starts)), spec.encoder)


@contextmanager
def placed(body: nn.Module, soft: SoftTokens) -> Iterator[None]:
    """Let the body read the vectors where its tokens are soft ones, for as long as the context lasts.

    A hook on the embedding does it, so that every family, with virtual tokens or wrapped by `peft`, is read in the same way.
    """
    vectors, read = soft(), list[Tensor]()

    def hide(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        del module
        read.append(inputs[0])
        return inputs[0].clamp(min=0), *inputs[1:]

    def put(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        del module, inputs
        ids = read.pop()
        there = ids < 0
        return output.index_put((there,), vectors[-1 - ids[there]].to(output.dtype))

    layers = _embeddings(body)
    handles = [*(one.register_forward_pre_hook(hide) for one in layers), *(one.register_forward_hook(put) for one in layers)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def write_soft_tokens(soft: SoftTokens, folder: Path) -> None:
    """The vectors as they are read, without an encoder."""
    write_tensors({"vectors": soft()}, folder / FILE)


def _embeddings(body: nn.Module) -> list[nn.Embedding]:
    """The input embedding and all that share its rows: an encoder-decoder has one for each side."""
    inner = plain(body)
    table = inner.get_input_embeddings().weight
    return [part for part in inner.modules() if isinstance(part, nn.Embedding) and part.weight is table]
