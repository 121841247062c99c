from __future__ import annotations

import pytest

from leantune.comparison.race import RaceResult, extension, rates, winner


@pytest.mark.parametrize(
    ("bounds", "n", "expected"),
    [
        ((1e-5, 2e-5, 5e-5), 3, [1e-5, 2e-5, 5e-5]),
        ((1e-4, 5e-4, 1e-3), 1, [5e-4]),
        ((1e-4, 5e-4, 1e-3), 2, [5e-4, 1e-3]),
        ((1e-4, 1e-3, 1e-2), 5, [1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2]),
        ((1e-3, 1e-3, 1e-2), 3, [1e-3, 1e-2]),
    ],
)
def test_rates(bounds: tuple[float, float, float], n: int, expected: list[float]) -> None:
    assert rates(*bounds, n) == pytest.approx(expected)


def test_rates_outside_the_range_are_a_bug() -> None:
    with pytest.raises(ValueError, match="need 0 < low"):
        rates(1e-4, 1e-5, 1e-3)


def results(*scores: float | str | None) -> list[RaceResult]:
    made = []
    for lr, found in zip((1e-4, 5e-4, 1e-3, 2e-3), scores, strict=False):
        made.append(RaceResult(lr, None, found) if isinstance(found, str) else RaceResult(lr, found))  # type: ignore[arg-type]
    return made


PLANNED = [1e-4, 5e-4, 1e-3]


@pytest.mark.parametrize(
    ("scores", "best", "further"),
    [
        ((0.7, 0.8, 0.75), 5e-4, None),
        ((0.7, 0.8, 0.85), 1e-3, 2e-3),
        ((0.9, 0.8, 0.85), 1e-4, 3.16e-5),
        ((0.7, 0.8, 0.85, 0.9), 2e-3, None),
        ((0.8, 0.8, 0.8), 5e-4, None),
        ((0.8, 0.7, "diverged"), 1e-4, 3.16e-5),
        (("diverged", "diverged", "diverged"), None, 3.16e-5),
        (("one_class", "one_class", "one_class"), None, 2e-3),
        (("failed", "failed", "failed"), None, None),
        ((0.7, 0.8), 5e-4, None),
        ((), None, None),
    ],
)
def test_winner_and_extension(scores: tuple[float | str, ...], best: float | None, further: float | None) -> None:
    found = winner(results(*scores))
    assert (found.lr if found else None) == best
    assert extension(results(*scores), PLANNED) == further


def test_one_planned_rate_is_no_edge() -> None:
    assert extension([RaceResult(1e-3, 0.9)], [1e-3]) is None
    assert extension([RaceResult(1e-3, None, "one_class")], [1e-3]) == 3e-3
