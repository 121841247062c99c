"""The words of the labels as points among the texts, where a head starts from them, and heads that are computed near them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leantune.data.examples import ExampleChunk
from leantune.execution.context import Context
from leantune.execution.embedding import embedded
from leantune.execution.feed import means_of_rows, states_of
from leantune.kinds.solver import Solver
from leantune.kinds.task import Decoded
from leantune.models.label_bank import LabelBank, bank_of, unit
from leantune.models.network import Network
from leantune.models.solved_heads import Problem, Solution, averaged, prototypes

SCALE = 20.0
"""What a cosine is multiplied with where no row says how sure words are."""


def bank_in(context: Context, network: Network) -> LabelBank | None:
    """What the words of the labels are to the base as it is; None where no head starts from words, or none of them is believed."""
    if context.worded is None or network.head is None:
        return None
    if not context.worded.said:
        return _bank_of_head(network.head)  # a soft verbalizer
    if not any(context.worded.said):
        return None
    embed = partial(embedded, context, network.eval().embed)
    bank = bank_of(context.worded.said, lambda texts: embed(ExampleChunk(texts)))
    return bank if bank.centred.any() else None


def _bank_of_head(head: nn.Linear) -> LabelBank:
    """Each label one word, which lies where its weights point."""
    return LabelBank.of([row[None] for row in head.weight.detach().cpu().double().numpy()])


def begin_at(context: Context, network: Network, bank: LabelBank | None) -> None:
    """Let the nearest words answer, or the nearest middle of training rows where no words are believed."""
    if bank is not None:
        _write(network, Solution(SCALE * bank.centred, np.zeros(len(bank.words))))
        return
    found = prototypes(Problem(_states(context, network.eval()), np.asarray(context.gold[context.learned]), context.head.outputs))
    scale = SCALE / np.linalg.norm(found.weight, axis=1).mean()
    _write(network, Solution(scale * found.weight, scale * found.bias))


def _states(context: Context, network: Network) -> NDArray[np.floating]:
    """(rows, D) of the training rows."""
    split = context.learned
    states, encoded = context.features(split, network.embed, network.pooling).states, context.encoded(split)
    return _as_read(network, np.asarray(states if encoded.pool is None else means_of_rows(states, encoded.units)))


def _as_read(network: Network, states: NDArray[np.floating]) -> NDArray[np.floating]:
    """States (rows, D) as the head of a network reads them."""
    return unit(states.astype(np.float64)) if network.unit else states


def solver_of(context: Context, network: Network, method: Solver, bank: LabelBank | None) -> Callable[[], tuple[str, ...]]:
    """Computes the head from the stored states of the training rows; gives what is to be noted."""

    def solve() -> tuple[str, ...]:
        found = method.solve(Problem(_states(context, network), np.asarray(context.gold[context.learned]), context.head.outputs, bank))
        _write(network, found)
        return found.notes

    return solve


def head_near_anchors(context: Context, network: Network) -> tuple[str, ...]:
    """Let the rows have a say beside the anchors of a tuned body, because words that mislead part them in the wrong place:
    the mean of the logits of the anchors and of a head that is computed near them (`averaged`). Gives what is to be noted.

    Reference: a head fitted after the contrast, as in Tunstall et al. 2022, arXiv:2209.11055; here pulled to the anchors.
    """
    assert network.head is not None
    network.eval()
    states = _as_read(network, states_of(network.embed, context.encoded("train").lengths, partial(context.batch, "train")))
    found = averaged(Problem(states, np.asarray(context.gold["train"]), context.head.outputs, _bank_of_head(network.head)))
    weight, bias = (part.detach().cpu().double().numpy() for part in (network.head.weight, network.head.bias))
    _write(network, Solution((found.weight + weight) / 2, (found.bias + bias) / 2))
    return tuple(f"after the contrast, beside the anchors, {note}" for note in found.notes)


@torch.no_grad()
def look_near_anchors(context: Context, network: Network) -> Decoded:
    """Predictions on dev by that head; the anchors stay for the next step."""
    assert network.head is not None
    parts = (network.head.weight, network.head.bias)
    anchors = [part.detach().clone() for part in parts]
    head_near_anchors(context, network)
    found = context.judge(network, "dev")
    for part, before in zip(parts, anchors, strict=True):
        part.copy_(before)
    return found


@torch.no_grad()
def _write(network: Network, found: Solution) -> None:
    assert network.head is not None
    network.head.weight.copy_(torch.from_numpy(found.weight))
    network.head.bias.copy_(torch.from_numpy(found.bias))
