"""Batches: every row once an epoch, little padding, the same order for the same seed."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from leantune.data.batches import epoch_batches, length_batches, training_batches
from leantune.data.units import Units


def padding_waste(lengths: np.ndarray, batches: list[np.ndarray]) -> float:
    """Share of padded positions that hold no token."""
    real = sum(int(lengths[batch].sum()) for batch in batches)
    padded = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    return 1 - real / padded if padded else 0.0


@pytest.fixture
def lengths() -> np.ndarray:
    """Tokens per row of short texts with a long tail."""
    return np.clip(np.random.default_rng(0).lognormal(3.0, 0.5, 5_000), 4, 256).astype(np.int64)


def test_an_epoch_has_every_row_once_and_wastes_under_five_per_cent(lengths: np.ndarray) -> None:
    batches = epoch_batches(lengths, budget=int(32 * lengths.mean()), rows=32, random=np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert padding_waste(lengths, batches) < 0.05
    assert max(len(batch) for batch in batches) <= 64


def test_prediction_wastes_under_five_per_cent_and_keeps_the_token_budget(lengths: np.ndarray) -> None:
    batches = length_batches(lengths, tokens=4_096, rows=256)
    assert padding_waste(lengths, batches) < 0.05
    assert all(len(batch) == 1 or len(batch) * lengths[batch].max() <= 4_096 for batch in batches)


def test_the_order_depends_on_seed_and_epoch_only(lengths: np.ndarray) -> None:
    first, again, other = ([b.tolist() for b in islice(training_batches(lengths, rows=32, seed=seed), 20)] for seed in (1, 1, 2))
    assert first == again != other


def test_batches_need_not_be_of_like_length(lengths: np.ndarray) -> None:
    epoch = -(-len(lengths) // 32)
    first, again = (list(islice(training_batches(lengths, rows=32, seed=1, by_length=False), 2 * epoch)) for _ in range(2))
    assert [len(batch) for batch in first[: epoch - 1]] == [32] * (epoch - 1)
    for found in (first[:epoch], first[epoch:]):
        assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
        assert padding_waste(lengths, found) > 0.4
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
    assert first[0].tolist() != first[epoch].tolist(), "each epoch has an order of its own"


def test_units_keep_the_pieces_of_a_row_together() -> None:
    lengths = np.array([5, 7, 9, 4, 4, 8])
    units = Units.of_rows(np.array([0, 0, 1, 2, 2, 2]), lengths)
    assert len(units) == 3
    assert units.lengths.tolist() == [14, 9, 24], "padded to the longest piece of the row"
    assert units.pieces(np.array([2, 0])).tolist() == [3, 4, 5, 0, 1]
    single, chosen = Units.single(lengths), np.array([4, 0, 2])
    assert single.pieces(chosen).tolist() == chosen.tolist()
    assert single.lengths is lengths, "batches of single pieces are cut by the pieces' own lengths"
