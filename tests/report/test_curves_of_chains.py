"""Curves of chains: dev score against whatever of the model became less."""

from __future__ import annotations

from leantune.core.measured import Latency, Point
from leantune.report.chains import HEIGHT, WIDTH, Curve, _curves


def point(step: str, dev: float, params: int, milliseconds: float, *, kept: bool = True) -> Point:
    return Point(step=step, dev=dev, model_params=params, latency_ms=Latency(batch_1=milliseconds, batch_32=32 * milliseconds), kept=kept)


def drawn(points: list[Point]) -> dict[str, Curve]:
    return {curve.left: curve for curve in _curves("shrink", points)}


def test_what_shrinks_is_drawn_against_parameters_and_time() -> None:
    found = drawn(
        [point("trained", 0.9, 100, 10.0), point("layer 1 removed", 0.88, 80, 6.0), point("layer 2 removed", 0.7, 60, 4.0, kept=False)]
    )
    assert list(found) == ["the parameters", "the time for one row"]
    assert [word for _, word in found["the parameters"].xs] == ["100.0 %", "80.0 %", "60.0 %"]
    assert [word for _, word in found["the time for one row"].xs] == ["100.0 %", "70.0 %", "40.0 %"]
    for curve in found.values():
        assert [dot.x for dot in curve.dots] == sorted(dot.x for dot in curve.dots), "smaller is further to the right"
        assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in curve.dots)
        assert len(curve.path.split()) == 2, "what was not kept is no part of the line"


def test_what_does_not_become_less_has_no_curve() -> None:
    assert list(drawn([point("trained", 0.9, 100, 10.0), point("half of the weights", 0.88, 100, 9.9)])) == []
    assert list(drawn([point("trained", 0.9, 100, 10.0), point("rounded", 0.88, 100, 5.0)])) == ["the time for one row"]
    assert list(drawn([point("trained", 0.9, 100, 10.0)])) == []


def test_a_model_that_is_slower_on_the_way_stays_in_the_picture() -> None:
    (curve,) = drawn([point("trained", 0.9, 100, 10.0), point("one", 0.9, 100, 12.0), point("two", 0.9, 100, 8.0)]).values()
    assert [word for _, word in curve.xs] == ["120.0 %", "100.0 %", "80.0 %"]
    assert all(0 <= dot.x <= WIDTH for dot in curve.dots)
