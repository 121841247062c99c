"""Pareto front, limits, Holm, elimination."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leantune.comparison.elimination import Candidate, eliminate
from leantune.comparison.holm import holm
from leantune.comparison.limits import limit_broken
from leantune.comparison.pareto import front
from leantune.core.records import Cost, Latency
from leantune.core.study import Limits

from .studies import Truth, simulate, tallies


def test_front_against_brute_force() -> None:
    generator = np.random.default_rng(0)
    points = {str(k): (float(a), float(b)) for k, (a, b) in enumerate(generator.integers(0, 6, (30, 2)))}
    expected = [
        name
        for name, (score, cost) in points.items()
        if not any((s >= score and c <= cost) and (s > score or c < cost) for s, c in points.values())
    ]
    assert front(points) == expected
    mirrored = {name: (cost, score) for name, (score, cost) in points.items()}
    assert front(mirrored, first_higher=False, second_higher=True) == expected


def test_front_keeps_equals_and_nothing() -> None:
    assert front({"a": (0.9, 10), "b": (0.9, 10)}) == ["a", "b"]
    assert front({}) == []


def test_limits_name_everything_that_is_broken() -> None:
    cost = Cost(trainable_params=2_000_000, saved_bytes=8_000_000, peak_memory_bytes=10**9, latency_ms=Latency(batch_1=12.5, batch_32=90))
    limits = Limits(max_trainable=1_000_000, max_size=5_000_000, max_memory=10**9, max_latency=10)
    assert limit_broken(cost, limits) == (
        "Trains 2.0 M parameters, over the limit of 1.0 M; takes 12.5 ms for one row, over the limit of 10.0 ms; "
        "stores 8.0 MB, over the limit of 5.0 MB."
    )
    assert limit_broken(cost, Limits()) is None
    assert limit_broken(Cost(), limits) is None


def test_holm_steps_down() -> None:
    assert holm({"a": 0.01, "b": 0.02, "c": 0.04}) == {"a", "b", "c"}
    assert holm({"a": 0.02, "b": 0.02}) == {"a", "b"}
    assert holm({"a": 0.03, "b": 0.04}) == set()
    assert holm({}) == set()


def candidate(name: str, gap: float, cost: float) -> Candidate:
    method, _ = simulate(Truth(rows=1500, gap=gap, seeds=1, seed_sd=0, shared=0.9), 3)
    return Candidate(name, {1: method[0]}, cost)


def reference_at(cost: float) -> Candidate:
    return Candidate("full", {1: simulate(Truth(rows=1500, seeds=1, seed_sd=0, shared=0.9), 3)[1][0]}, cost)


def test_what_is_smaller_stays_though_it_is_a_little_worse_and_slower_to_train() -> None:
    field = [replace(candidate("small", -0.01, 20), kept=1.0), replace(candidate("large", -0.01, 20), kept=9.0)]
    field += [replace(candidate("good", 0.02, 5), kept=4.0), replace(reference_at(30), kept=4.0)]
    assert set(eliminate(field, 0.02)) == {"large"}


def test_elimination_drops_the_weak_and_the_dominated() -> None:
    dropped = eliminate([candidate("weak", -0.08, 1), candidate("good", 0.02, 5), candidate("dear", -0.01, 20), reference_at(30)], 0.01)
    assert list(dropped) == ["weak", "dear"]
    assert dropped["weak"].startswith("weak dropped: at best -")
    assert "worse than good" in dropped["dear"]
    assert dropped["dear"].endswith("and cheaper in nothing.")


def test_elimination_never_drops_the_reference_nor_the_undecided() -> None:
    assert eliminate([candidate("cheaper", 0.03, 1), reference_at(10)], 0.01) == {}
    assert eliminate([candidate("a bit worse", -0.01, 1), reference_at(10)], 0.01) == {}
    assert eliminate([candidate("alone", -0.08, 1)], 0.01) == {}


def test_elimination_without_a_common_seed_claims_nothing() -> None:
    right = tallies(np.ones((1, 100), dtype=int))[0]
    wrong = tallies(np.zeros((1, 100), dtype=int))[0]
    assert eliminate([Candidate("other", {2: wrong}, 1), Candidate("full", {1: right}, 2)], 0.01) == {}
