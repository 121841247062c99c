"""After contrastive tuning the head is computed anew on the tuned states, so that words that mislead do not decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from leantune.execution.anchors import head_near_anchors
from leantune.execution.context import Context
from leantune.execution.feed import states_of
from leantune.models.build import build_network
from leantune.models.label_bank import unit
from leantune.models.network import Network


def right(context: Context, network: Network, states: np.ndarray) -> float:
    with torch.inference_mode():
        return float((network.read(torch.from_numpy(states)).argmax(dim=1).numpy() == context.gold["train"]).mean())


def test_rows_overrule_anchors_that_mislead(context: Context) -> None:
    network = build_network(context.base, replace(context.head, anchored=True), seed=0).eval()
    states = states_of(network.embed, context.encoded("train").lengths, lambda rows: context.batch("train", rows))
    gold = np.asarray(context.gold["train"])
    middle = unit(states.astype(np.float64)).mean(axis=0)
    means = np.stack([unit(states[gold == label].astype(np.float64)).mean(axis=0) - middle for label in (1, 0)])
    assert network.head is not None
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(2 * unit(means)))  # each label where the rows of the other one are
        network.head.bias.copy_(-network.head.weight @ torch.from_numpy(middle).float())
    before = right(context, network, states)
    notes = head_near_anchors(context, network)
    assert before < 0.4
    assert right(context, network, states) > before + 0.2
    assert all(note.startswith("after the contrast, beside the anchors, ") for note in notes)
    assert "prototypes" in notes[0]
    assert "logistic regression" in notes[1]
