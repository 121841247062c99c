"""Writing: a model continues each row token by token; batches of like length, one batch of texts at a time, no logits are kept.

    write(network, encoded, task, writer, ...).predicted        a text for each row

How sure a model is of a text is read afterwards in one pass over it: the geometric mean of the probabilities of its tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.records import Decoding
from leantune.data.batches import length_batches
from leantune.data.encoded import Encoded, rectangle
from leantune.evaluate.predict import predict
from leantune.kinds.task import Decoded, Task
from leantune.models.network import Network, embedded_behind_virtual_words, has_virtual_words

TOKENS = 8_192
"""Tokens of a batch, read and written."""
ROWS = 64


@dataclass(frozen=True)
class Writer:
    """How rows are continued."""

    tokenizer: Any
    decoding: Decoding
    longest: int
    """Tokens that are written at most."""


def write(network: Network, encoded: Encoded, task: Task, writer: Writer, *, pad: int, types: bool, device: torch.device) -> Decoded:
    """The text that the network writes for each row, and how likely it finds it."""
    tokens: list[NDArray[np.int32]] = [np.zeros(0, np.int32)] * len(encoded)
    for pieces, found in _written(network, encoded, writer, pad=pad, device=device):
        for piece, one in zip(pieces, found, strict=True):
            tokens[piece] = one
    likely = predict(network, _followed_by(encoded, tokens), task, pad=pad, types=types, device=device)
    decoded = writer.tokenizer.batch_decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Decoded([text.strip() for text in decoded], likely.confidence)


def _written(
    network: Network, encoded: Encoded, writer: Writer, *, pad: int, device: torch.device
) -> Iterator[tuple[NDArray[np.int64], list[NDArray[np.int32]]]]:
    """Numbers of pieces and the tokens written behind their sources, the end token included."""
    network.eval()
    config = generation_config(network.body, writer, pad)
    for pieces in length_batches(encoded.first + writer.longest, tokens=TOKENS, rows=max(1, ROWS // writer.decoding.beams)):
        yield pieces, continued(network, encoded, pieces, config, device)


@torch.inference_mode()
def continued(network: Network, encoded: Encoded, pieces: NDArray[np.int64], config: Any, device: torch.device) -> list[NDArray[np.int32]]:
    """The tokens written behind the sources of some pieces, the end token included.

    Args:
        network: in evaluation mode.
        encoded: of all rows.
        pieces: numbers of those of one batch.
        config: of `generation_config`.
        device: where the network is.
    """
    ids, mask = rectangle([encoded.ids[start : start + first] for start, first in _sources(encoded, pieces)], config.pad_token_id)
    if not encoded.apart:  # what is written must follow the source without a gap
        ids, mask = _to_the_right(ids, mask)
    body: Any = network.body
    inputs = {"input_ids": torch.from_numpy(ids).to(device), "attention_mask": torch.from_numpy(mask).to(device)}
    if not encoded.apart and has_virtual_words(body):
        new = body.get_base_model().generate(**embedded_behind_virtual_words(body, **inputs), generation_config=config)
    else:
        out = body.generate(**inputs, generation_config=config)
        new = out[:, 1:] if encoded.apart else out[:, ids.shape[1] :]
    return [_until(row, config.eos_token_id) for row in new.cpu().numpy().astype(np.int32)]


def generation_config(body: Any, writer: Writer, pad: int) -> Any:
    """The base's own configuration (its special tokens) with our settings."""
    inner = body.get_base_model() if hasattr(body, "get_base_model") else body
    config = copy.deepcopy(inner.generation_config)
    ends = {"pad_token_id": pad, "eos_token_id": int(writer.tokenizer.eos_token_id)}
    config.update(**generation_settings(writer.decoding, writer.longest), **ends)
    return config


def generation_settings(decoding: Decoding, longest: int) -> dict[str, Any]:
    """Our settings in the words of `transformers`; all that would change a text are given, whatever the base's own are."""
    return {
        "max_new_tokens": longest,
        "max_length": None,
        "min_length": 0,
        "do_sample": False,
        "num_beams": decoding.beams,
        "early_stopping": decoding.beams > 1,
        "length_penalty": decoding.length_penalty,
        "no_repeat_ngram_size": decoding.no_repeat_ngram,
    }


def _sources(encoded: Encoded, pieces: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    return ((int(encoded.starts[piece]), int(encoded.first[piece])) for piece in pieces)


def _to_the_right(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Padding in front."""
    shifts = ids.shape[1] - mask.sum(axis=1)
    columns = (np.arange(ids.shape[1])[None, :] - shifts[:, None]) % ids.shape[1]
    return np.take_along_axis(ids, columns, axis=1), np.take_along_axis(mask, columns, axis=1)


def _until(row: NDArray[np.int32], end: int) -> NDArray[np.int32]:
    """Tokens up to the first end token, with it."""
    at = np.flatnonzero(row == end)
    return row[: at[0] + 1] if len(at) else row


def _followed_by(encoded: Encoded, tokens: list[NDArray[np.int32]]) -> Encoded:
    """The same sources with other texts behind them."""
    ids, marks = [], []
    for piece, (start, first) in enumerate(_sources(encoded, np.arange(len(encoded)))):
        ids += [encoded.ids[start : start + first], tokens[piece]]
        marks += [np.full(first - 1, -1, np.int32), tokens[piece], np.full(1, -1, np.int32)]
    lengths = encoded.first + np.array([len(one) for one in tokens])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return replace(encoded, ids=np.concatenate(ids), starts=starts, marks=None if encoded.apart else np.concatenate(marks))
