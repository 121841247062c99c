"""Perplexity and its like, from what each row contributes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from leantune.core.errors import SpecError
from leantune.scores.likelihood import tally


def planted() -> tuple[torch.Tensor, torch.Tensor, list[tuple[float, int, int]]]:
    """Logits and tokens of 5 rows of different length, and what each row contributes."""
    generator = torch.Generator().manual_seed(0)
    sizes = [1, 4, 9, 2, 6]
    logits = torch.randn(sum(sizes), 12, generator=generator)
    tokens = torch.where(torch.rand(len(logits), generator=generator) < 0.4, logits.argmax(1), torch.arange(len(logits)) % 12)
    losses, right = torch.nn.functional.cross_entropy(logits, tokens, reduction="none"), logits.argmax(1) == tokens
    rows = [(float(one.sum()), len(one), int(hit.sum())) for one, hit in zip(losses.split(sizes), right.split(sizes), strict=True)]
    return logits, tokens, rows


def test_every_token_counts_the_same() -> None:
    logits, tokens, rows = planted()
    perplexity = float(torch.nn.functional.cross_entropy(logits, tokens).exp())
    assert tally("perplexity", rows).score() == pytest.approx(perplexity, rel=1e-6)
    assert tally("likelihood", rows).score() == pytest.approx(1 / perplexity, rel=1e-6)
    assert tally("accuracy", rows).score() == pytest.approx(float((logits.argmax(1) == tokens).float().mean()))


@pytest.mark.parametrize("metric", ["likelihood", "accuracy", "perplexity"])
def test_weights_are_repeated_rows(metric: str) -> None:
    rows = planted()[-1]
    weights = [2, 0, 1, 3, 0]
    assert tally(metric, rows).score(weights) == pytest.approx(tally(metric, np.repeat(rows, weights, axis=0)).score())


def test_nothing_to_predict() -> None:
    rows = [(0.0, 0, 0)]
    assert [tally(metric, rows).score() for metric in ("likelihood", "accuracy", "perplexity")] == [0, 0, np.inf]
    assert tally("perplexity", [(1e6, 10, 0)]).score() == np.inf


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "likely"\. Closest: "likelihood"'):
        tally("likely", [(0.0, 0, 0)])
