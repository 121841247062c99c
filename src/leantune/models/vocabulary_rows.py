"""Vocabulary rows: a network that knows fewer tokens, its tables cut to their rows; what shares a table with another one still does.

    with_vocabulary(network, kept)      token kept[n] has the number n from now on

Reference: Abdaoui et al. 2020, arXiv:2010.05609.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leantune.models.heads import is_transducer
from leantune.models.network import Network
from leantune.models.slices import rebuilt

_LISTS = ("bad_words_ids",)


def special_numbers(config: Any) -> set[int]:
    """Numbers of tokens that a configuration names."""
    found = {number for value in _named(config).values() for number in (value if isinstance(value, list) else [value])}
    size = int(config.vocab_size)
    return {number for number in found if isinstance(number, int) and 0 <= number < size}


@torch.no_grad()
def with_vocabulary(network: Network, kept: NDArray[np.int64]) -> Network:
    """Keep some rows of every table of the vocabulary, in place.

    Args:
        network: plain.
        kept: numbers of the tokens, rising.
    """
    body: Any = network.body
    size = body.get_input_embeddings().weight.shape[0]
    rows, done, tables = torch.from_numpy(kept), dict[int, nn.Parameter](), _tables(body)
    for part in body.modules():
        for name, value in list(part.named_parameters(recurse=False)):
            if value.shape[0] == size and (part in tables or _is_bias(part, name)):
                if id(value) not in done:
                    done[id(value)] = nn.Parameter(value.detach()[rows.to(value.device)].clone(), requires_grad=value.requires_grad)
                setattr(part, name, done[id(value)])
        for name, value in list(part.named_buffers(recurse=False)):
            if value.shape == (1, size):  # the bias of BART and Marian
                part.register_buffer(name, value[:, rows.to(value.device)].clone())
    for part in tables:
        _say_size(part, kept)
    _renumber(body.config, kept)
    if getattr(body, "generation_config", None) is not None:
        _renumber(body.generation_config, kept)
    body.config.vocab_size = len(kept)
    return rebuilt(network)


def _tables(body: Any) -> set[nn.Module]:
    """The token embeddings, those of each side of an encoder-decoder, and the map to the vocabulary, as far as there are such."""
    found = [body.get_input_embeddings()]
    if is_transducer(body.config):
        found += [body.get_encoder().get_input_embeddings(), body.get_decoder().get_input_embeddings()]
    with suppress(AttributeError, NotImplementedError):  # a bare body
        found.append(body.get_output_embeddings())
    return {part for part in found if part is not None}


def _is_bias(part: nn.Module, name: str) -> bool:
    """Whether a parameter may be the bias of the vocabulary, which some families keep beside the map."""
    return name == "bias" and not isinstance(getattr(part, "weight", None), nn.Parameter)


def _say_size(part: Any, kept: NDArray[np.int64]) -> None:
    if isinstance(part, nn.Embedding):
        part.num_embeddings = len(kept)
        part.padding_idx = None if part.padding_idx is None else _place(part.padding_idx, kept)
    elif isinstance(part, nn.Linear):
        part.out_features = len(kept)


def _place(number: int, kept: NDArray[np.int64]) -> int | None:
    place = int(np.searchsorted(kept, number))
    return place if place < len(kept) and kept[place] == number else None


def _named(config: Any) -> Mapping[str, Any]:
    return {name: value for name, value in vars(config).items() if name.endswith("_token_id") and value is not None}


def _renumber(config: Any, kept: NDArray[np.int64]) -> None:
    """New numbers of the tokens that a configuration names."""
    for name, value in _named(config).items():
        setattr(config, name, [_place(one, kept) for one in value] if isinstance(value, list) else _place(value, kept))
    for name in _LISTS:
        if lists := getattr(config, name, None):
            places = [[_place(one, kept) for one in own] for own in lists]
            setattr(config, name, [own for own in places if None not in own] or None)
