from __future__ import annotations

import doctest

import pytest

from leantune.core import human


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(human).failed == 0


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0"), (999, "999"), (999.6, "1.0 k"), (999_949, "1.0 M"), (99_940, "99.9 k"), (99_960, "100 k"), (7e12, "7.0 T")],
)
def test_counts_round_up_into_the_next_unit(number: float, expected: str) -> None:
    assert human.count(number) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, "0 ms"), (9.96, "10 s"), (59.6, "1 min"), (3599.7, "1 h"), (86_400, "24 h")])
def test_durations_have_no_sixtieth_second(seconds: float, expected: str) -> None:
    assert human.duration(seconds) == expected


def test_a_missing_number_is_a_dash() -> None:
    shown = {f(None) for f in (human.count, human.size, human.duration, human.milliseconds, human.percent, human.points)}
    assert shown | {human.score_interval(None), human.points_interval(None)} == {human.DASH}


def test_a_rounded_zero_has_no_sign() -> None:
    assert human.points(-0.0004) == "0.0"
