"""Blending: logits that stand for what several models say together, the weighted mean of their probabilities.

    of_labels(z, w)  = log of the sum over m of w_m softmax(z_m)
    of_yes_no(z, w)  = logit of the sum over m of w_m sigmoid(z_m)
    of_numbers(z, w) = the sum over m of w_m z_m
    of_spans(p, w)   = log of the sum over m of w_m p_m, span by span

Probabilities and not logits are averaged, because logits of separately trained models are not on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid


def of_labels(logits: Tensor, weights: Tensor) -> Tensor:
    """Log-probabilities (B, C) of distributions over the last dimension.

    Args:
        logits: (M, B, C) of the models.
        weights: (M,), over 0, summing to 1.
    """
    return _mean(logits.float().log_softmax(dim=-1), weights)


def of_yes_no(logits: Tensor, weights: Tensor) -> Tensor:
    """Logits (B, C) of outputs that are yes or no each; arguments as in `of_labels`."""
    return _mean(logsigmoid(logits.float()), weights) - _mean(logsigmoid(-logits.float()), weights)


def of_numbers(logits: Tensor, weights: Tensor) -> Tensor:
    """Outputs (B, C) that are numbers themselves; arguments as in `of_labels`."""
    return (weights[:, None, None] * logits.float()).sum(dim=0)


def of_spans(told: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    """Log-probabilities of spans, rising by place; one that a model did not try is unlikely there.

    Args:
        told: (K, 3) of each model: where a span begins, where it ends, its log-probability.
        weights: of each, over 0, summing to 1.
    """
    found = dict[tuple[float, float], float]()
    for spans, weight in zip(told, weights, strict=True):
        for start, end, likely in spans.tolist():
            found[start, end] = float(np.logaddexp(found.get((start, end), -np.inf), likely + np.log(weight)))
    return np.array([(*span, found[span]) for span in sorted(found)], np.float32)


def _mean(likely: Tensor, weights: Tensor) -> Tensor:
    return (likely + weights.log()[:, None, None]).logsumexp(dim=0)
