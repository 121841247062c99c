"""Blended logits say the weighted mean of the probabilities."""

from __future__ import annotations

import numpy as np
import torch

from leantune.models.blending import of_labels, of_numbers, of_spans, of_yes_no

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


def test_of_spans() -> None:
    one = np.array([[0, 3, np.log(0.75)], [4, 7, np.log(0.25)]], np.float32)
    other = np.array([[0, 0, np.log(0.5)], [4, 7, np.log(0.5)]], np.float32)
    found = of_spans([one, other], [0.4, 0.6])
    np.testing.assert_array_equal(found[:, :2], [[0, 0], [0, 3], [4, 7]])
    np.testing.assert_allclose(np.exp(found[:, 2]), [0.6 * 0.5, 0.4 * 0.75, 0.4 * 0.25 + 0.6 * 0.5], rtol=1e-6)
