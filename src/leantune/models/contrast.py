"""Contrastive loss with the labels as anchors in every batch: rows of a label come together around its words, and no list of pairs is made.

    L_i = - mean over p in P(i) of log softmax_p (s u_i u_j for rows j != i of the batch, w_c u_i + b_c for labels c)

P(i) holds the other rows of i's label and the label's own anchor; u is a state of length 1, s the mean length of the anchors w_c. The
anchors are the weights of the head; when the body is tuned, they are averaged with a head computed near them
(`execution.anchors.head_near_anchors`).

Reference: Khosla et al. 2020, arXiv:2004.11362 (supervised contrast, of rows alone); a list of pairs (Tunstall et al. 2022,
arXiv:2209.11055) grows with the square of the rows.

Letters: B rows, D width, C labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def anchored_contrast(states: Tensor, logits: Tensor, targets: Tensor, anchors: Tensor) -> Tensor:
    """The mean loss of a batch.

    Args:
        states: (B, D).
        logits: (B, C) of the head.
        targets: (B,) labels.
        anchors: (C, D) weights of the head.
    """
    rows = nn.functional.normalize(states, dim=-1)
    like = anchors.detach().norm(dim=-1).mean() * rows @ rows.T
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    likely = torch.cat([logits, like.masked_fill(itself, -torch.inf)], dim=1).log_softmax(dim=1)
    same = (targets[:, None] == targets[None, :]) & ~itself
    wanted = torch.cat([nn.functional.one_hot(targets, logits.shape[1]).bool(), same], dim=1)
    return -(likely.masked_fill(~wanted, 0.0).sum(dim=1) / wanted.sum(dim=1)).mean()


def drift(states: Tensor, before: Tensor) -> Tensor:
    """How far states (B, D) have turned away from what they were: the mean of 1 - cosine."""
    return (1 - nn.functional.cosine_similarity(states, before, dim=-1)).mean()
