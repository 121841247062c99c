"""Blended logits say the weighted mean of the probabilities."""

from __future__ import annotations

import torch

from leantune.models.blending import of_labels, of_numbers, of_yes_no

LOGITS = torch.tensor([[[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]], [[-40.0, 80.0, 0.0], [0.0, 0.0, 1.0]]])
WEIGHTS = torch.tensor([0.25, 0.75])


def test_of_labels() -> None:
    wanted = 0.25 * LOGITS[0].softmax(dim=-1) + 0.75 * LOGITS[1].softmax(dim=-1)
    torch.testing.assert_close(of_labels(LOGITS, WEIGHTS).softmax(dim=-1), wanted)


def test_of_yes_no() -> None:
    wanted = 0.25 * LOGITS[0].sigmoid() + 0.75 * LOGITS[1].sigmoid()
    torch.testing.assert_close(of_yes_no(LOGITS, WEIGHTS).sigmoid(), wanted)
    assert of_yes_no(LOGITS, WEIGHTS).isfinite().all()


def test_of_numbers() -> None:
    torch.testing.assert_close(of_numbers(LOGITS, WEIGHTS), 0.25 * LOGITS[0] + 0.75 * LOGITS[1])
