"""How pruning gets there: the cubic schedule, soft movement from everything on, and l1 by its closed form."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch
from torch import Tensor
from trained_model import Trained

from leantune.compressors._units import Weights, kind_of
from leantune.compressors.prune import Prune
from leantune.core.events import Event
from leantune.execution.compressing import Bench
from leantune.kinds.method import parse_method
from leantune.models.gates import Gate
from leantune.models.network import Network


def built(link: str) -> Prune:
    ((_, compressor),) = parse_method(f"full | {link}").compressors
    assert isinstance(compressor, Prune)
    return compressor


def weights_of(network: Network) -> list[Tensor]:
    return [part.weight.detach() for part in Weights().parts(network)]  # type: ignore[misc, operator]


def zeros(network: Network) -> float:
    found = weights_of(network)
    return sum(int((weight == 0).sum()) for weight in found) / sum(weight.numel() for weight in found)


def cubic(first: float, last: float, step: int, steps: int) -> float:
    """Sparsity s_t = s_f + (s_i - s_f)(1 - t / n)^3 (Zhu and Gupta 2017, equation 1)."""
    return float(last + (first - last) * (1 - step / steps) ** 3)


Step = Callable[[int], None]


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Recovery without any training: what compressors do after each step is all that happens; the gates after each step."""
    seen: list[dict[str, Any]] = []

    def recover(
        bench: Bench, network: Network, *, steps: int, after_step: Step | None = None, **rest: object
    ) -> Generator[Event, None, None]:
        del bench, rest
        for step in range(1, steps + 1):
            if after_step is not None:
                after_step(step)
            found = [one for one in network.modules() if isinstance(one, Gate)]
            seen.append({"step": step, "keep": {one.keep for one in found}, "weights": [weight.clone() for weight in weights_of(network)]})
        yield from ()

    monkeypatch.setattr(Bench, "recover", recover)
    return seen


@pytest.mark.parametrize(("keep", "rounds"), [(0.1, 1), (0.5, 4), (0.03, 10)])
def test_rounds_follow_the_cubic_schedule(keep: float, rounds: int) -> None:
    found = built(f"prune(weights, keep={keep}, rounds={rounds})").shares()
    assert found == pytest.approx([1 - cubic(0, 1 - keep, step, rounds) for step in range(1, rounds + 1)])
    assert found[-1] == pytest.approx(keep)
    assert found == sorted(found, reverse=True)


def test_values_of_the_schedule_by_hand() -> None:
    """To a half in four rounds, 27/64, 8/64 and 1/64 of the way are left after the first three."""
    assert built("prune(weights, keep=0.5)").shares() == pytest.approx([0.5 + 0.5 * part / 64 for part in (27, 8, 1, 0)])


def test_weights_are_zero_as_the_schedule_says_after_each_round(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    original = Weights.cut
    monkeypatch.setattr(Weights, "cut", lambda *given: seen.append(zeros(found := original(*given))) or found)
    trained.after("prune(weights, keep=0.2, by=magnitude, rounds=3, steps=0)")
    assert seen == pytest.approx([cubic(0, 0.8, step, 3) for step in (1, 2, 3)], abs=0.002)


def test_movement_follows_the_schedule_and_trains_its_last_fifth_at_the_end(trained: Trained, untrained: list[dict[str, Any]]) -> None:
    trained.after("prune(weights, keep=0.2, by=movement, steps=20)")
    kept = [share for point in untrained for share in point["keep"]]
    assert kept == pytest.approx([1 - cubic(0, 0.8, min(step, 16), 16) for step in range(1, 21)])


@pytest.mark.parametrize("what", ["weights", "neurons", "heads"])
def test_soft_movement_begins_with_everything_on(trained: Trained, what: str) -> None:
    network = trained.network().eval()
    batch = next(trained.bench.batches(8))
    with torch.no_grad():
        before = network(batch)
        gates = kind_of(what, network).gates(network, soft=True)
        assert all(bool(gate.mask().all()) for gate in gates)
        torch.testing.assert_close(network(batch), before)


def test_the_stronger_soft_movement_draws_the_less_is_left(trained: Trained) -> None:
    left = [
        1 - zeros(trained.after(f"prune(weights, by=soft_movement, strength={strength}, steps=12)").network)
        for strength in (0.01, 1, 10, 100)
    ]
    assert left == sorted(left, reverse=True)
    assert left[0] > left[1] > left[2]
    assert 0.05 < left[1] < 0.95  # the default


def test_in_soft_movement_what_is_always_drawn_down_is_off_half_way(trained: Trained) -> None:
    """By the rate of scores alone, which is the paper's where there are steps enough."""
    from leantune.compressors.prune import SCORE_RATE, score_rate
    from leantune.models.gates import TAU

    assert score_rate(100_000) == SCORE_RATE
    scores = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=score_rate(20))
    for _ in range(11):
        optimizer.zero_grad()
        scores.sigmoid().sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(scores.detach().sigmoid().max()) < TAU


def test_l1_is_the_proximal_step_in_closed_form(trained: Trained, untrained: list[dict[str, Any]]) -> None:
    """Without gradients the steps add up; behind the last one zeros are exact, and the rest is what it was."""
    found = trained.after("prune(weights, by=l1, strength=0.7, steps=10)")
    before = weights_of(trained.made)
    totals = [0.7 * 0.5 * weight.square().mean().sqrt() for weight in before]
    assert [point["step"] for point in untrained] == [1, 2, 3, 4, 5] * 2
    for point in untrained[:5]:  # the second half is no drawing any more
        drawn = [total * point["step"] / 5 for total in totals]
        for weight, after, pull in zip(before, point["weights"], drawn, strict=True):
            torch.testing.assert_close(after, weight.sign() * (weight.abs() - pull).clamp(min=0), atol=1e-6, rtol=1e-5)
    for weight, after, total in zip(before, weights_of(found.network), totals, strict=True):
        clear = (weight.abs() - total).abs() > 1e-6
        assert torch.equal((after == 0)[clear], (weight.abs() <= total)[clear])
        assert torch.equal(after[clear], (weight * (weight.abs() > total))[clear])


def test_l1_gives_a_useful_share_of_exact_zeros_and_the_task_is_still_known(trained: Trained) -> None:
    assert zeros(trained.made) == 0
    found = trained.after("prune(weights, by=l1, steps=20)")
    assert 0.25 < zeros(found.network) < 0.6
    assert trained.bench.tally(found.network).score() >= 0.9
    more = trained.after("prune(weights, by=l1, strength=2, steps=20)")
    assert zeros(more.network) > zeros(found.network)


@pytest.mark.parametrize(
    "link",
    [
        "prune(neurons, keep=0.5, steps=2, rounds=1)",
        "prune(heads, keep=0.5, steps=2, rounds=1)",
        "prune(layers, keep=0.5, steps=2, rounds=1)",
        "prune(weights, keep=0.5, by=movement, steps=2)",
        "prune(weights, by=soft_movement, steps=2)",
        "prune(weights, by=l1, steps=2)",
        "prune(vocabulary)",
    ],
)
def test_the_original_is_left_alone_to_the_bit(trained: Trained, link: str) -> None:
    before = {name: value.clone() for name, value in trained.bench.original.state_dict().items()}
    config = trained.bench.original.body.config.to_dict()  # type: ignore[union-attr, operator]
    trained.after(link)
    after = trained.bench.original.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert trained.bench.original.body.config.to_dict() == config  # type: ignore[union-attr, operator]
