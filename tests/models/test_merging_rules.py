"""Rules of merging, by hand on a few numbers."""

from __future__ import annotations

import pytest
import torch

from leantune.models.merging import merged_state, usual_weights

BASE = {"w": torch.tensor([1.0, 1.0, 1.0, 1.0])}
ONE = {"w": torch.tensor([3.0, 1.1, 0.0, 1.0]), "head": torch.tensor([2.0])}
TWO = {"w": torch.tensor([2.0, 1.0, 4.0, 1.2]), "head": torch.tensor([4.0])}


def merged(how: str, weights: list[float], **options: float) -> list[float]:
    return merged_state(BASE, [ONE, TWO], how, weights, **options)["w"].tolist()  # type: ignore[arg-type]


def test_a_soup_is_the_mean_and_so_are_heads_under_every_rule() -> None:
    assert merged("soup", [1, 1]) == pytest.approx([2.5, 1.05, 2.0, 1.1])
    assert merged("soup", [3, 1]) == pytest.approx([2.75, 1.075, 1.0, 1.05])
    for how in ("soup", "arithmetic", "ties", "dare"):
        assert merged_state(BASE, [ONE, TWO], how, [1, 1])["head"].tolist() == [3.0]


def test_arithmetic_adds_weighted_differences() -> None:
    assert merged("arithmetic", [1, 1]) == pytest.approx([1 + 2 + 1, 1.1, 1 - 1 + 3, 1.2])
    assert merged("arithmetic", [0.5, 0.5]) == pytest.approx(merged("soup", [1, 1]))


def test_ties_trims_elects_signs_and_averages_what_agrees() -> None:
    """Half is kept: differences (2, 0, -1, 0) and (1, 0, 3, 0); signs by total +, +; agreeing: (2, 1) and (3)."""
    assert merged("ties", usual_weights("ties", 2), density=0.5) == pytest.approx([2.5, 1.0, 4.0, 1.0])


def test_dare_keeps_the_mean_and_depends_on_the_seed_alone() -> None:
    once, again = (merged("dare", [0.5, 0.5], density=0.5, seed=3) for _ in range(2))
    assert once == again
    many = torch.tensor([merged("dare", [0.5, 0.5], density=0.5, seed=seed) for seed in range(400)]).mean(dim=0)
    assert many.tolist() == pytest.approx(merged("soup", [1, 1]), abs=0.25)
