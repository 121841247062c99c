"""Shrinking: targets are reached, what cannot be reached is refused, and without a target it stops by dev."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from trained_model import Trained

from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.measured import Latency
from leantune.execution.compressing import Bench
from leantune.models.network import Network, parameter_count
from leantune.models.slices import neurons


def test_a_target_of_layers_and_neurons_is_reached_exactly(trained: Trained) -> None:
    found = trained.after("shrink(layers=1, neurons=0.4, steps=4)")
    assert len(found.network.anatomy.blocks) == 1
    assert neurons(found.network.anatomy) == round(0.4 * 64)
    sizes = [point.model_params for point in found.curve]
    assert sizes == sorted(sizes, reverse=True)
    assert found.curve[-1].model_params == parameter_count(found.network)


def test_a_share_of_the_parameters_is_reached(trained: Trained) -> None:
    found = trained.after("shrink(params=0.7, steps=2)")
    assert parameter_count(found.network) <= 0.7 * parameter_count(trained.made)


def test_the_recovery_after_the_last_slice_is_the_long_one_for_a_speed_too(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def recover(bench: Bench, network: Network, *, steps: int, **options: object) -> Generator[Event, None, None]:
        taken.append(steps)
        yield from ()

    layers = len(trained.made.anatomy.blocks)
    monkeypatch.setattr(Bench, "recover", recover)
    monkeypatch.setattr(Bench, "latency", lambda bench, network: Latency(batch_1=len(network.anatomy.blocks), batch_32=1.0))
    found = trained.after(f"shrink(speed={layers})")
    assert len(found.network.anatomy.blocks) == 1
    assert taken == [trained.bench.steps // 4] * (len(taken) - 1) + [trained.bench.steps]


def test_a_target_beyond_what_is_left_is_refused_with_what_is_possible(trained: Trained) -> None:
    with pytest.raises(SpecError) as caught:
        trained.after("shrink(params=0.05, steps=0)")
    assert "cannot be reached" in caught.value.message
    assert "parameters are left" in caught.value.message


def test_the_slice_that_goes_first_costs_least_loss(trained: Trained) -> None:
    """Against trying both layers out by hand."""
    import torch

    from leantune.models.slices import without_layers

    losses = []
    for layer in (0, 1):
        smaller = without_layers(trained.network(), [layer]).eval()
        with torch.no_grad():
            losses.append(sum(float(trained.bench.loss(smaller, batch)) for batch in trained.bench.batches(256)))
    found = trained.after("shrink(layers=1, steps=0)")
    assert found.curve[-1].step == f"layer {losses.index(min(losses))} out"


def test_without_a_target_the_last_step_is_taken_back(trained: Trained) -> None:
    found = trained.after("shrink(margin=0.5, steps=0)")
    kept = [point for point in found.curve if point.kept]
    assert found.curve[0].kept
    assert parameter_count(found.network) == kept[-1].model_params
    assert kept[-1].dev >= found.curve[0].dev - 0.005
    assert [point.kept for point in found.curve].count(False) <= 1


def test_the_original_is_left_alone(trained: Trained) -> None:
    before = {name: value.clone() for name, value in trained.bench.original.state_dict().items()}
    trained.after("shrink(layers=1, steps=4)")
    after = trained.bench.original.state_dict()
    assert all(bool((after[name] == value).all()) for name, value in before.items())
