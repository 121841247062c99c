"""Elastic training: smaller networks on the weights of one, trained together, and the one that is wanted cut out."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from trained_model import Trained

from leantune.core.errors import SpecError
from leantune.execution import compressing
from leantune.execution.objective import Sandwich
from leantune.execution.precision import Precision
from leantune.models.elastic import Size, cut, inside, layers_kept, narrow, ordered
from leantune.models.network import Batch, Network, parameter_count
from leantune.models.slices import neuron_scores, neurons


def said(network: Network, batch: Batch) -> torch.Tensor:
    with torch.inference_mode():
        return network.eval()(batch)


@pytest.fixture
def batch(trained: Trained) -> Batch:
    return next(trained.bench.batches(8))


def test_neurons_in_order_say_exactly_the_same(trained: Trained, batch: Batch) -> None:
    scores = neuron_scores(trained.network(), trained.bench.batches(32), trained.bench.loss)
    found = ordered(trained.network(), scores)
    torch.testing.assert_close(said(found, batch), said(trained.network(), batch), atol=1e-5, rtol=1e-5)
    again = neuron_scores(found, trained.bench.batches(32), trained.bench.loss)
    assert all(bool((score[:-1] >= score[1:] - 1e-6).all()) for score in again)


def test_a_network_inside_is_the_one_that_is_cut_out(trained: Trained, batch: Batch) -> None:
    network = trained.network().eval()
    view = inside(network, layers_kept(network.anatomy, 1))
    with narrow(view.eval(), 16) as smaller:
        torch.testing.assert_close(said(smaller, batch), said(cut(network, Size(1, 16)), batch), atol=1e-5, rtol=1e-5)
    assert said(view, batch).sub(said(cut(network, Size(1, 16)), batch)).abs().max() > 1e-4  # all speak again
    whole = {id(parameter) for parameter in network.parameters()}
    assert {id(parameter) for parameter in view.parameters()} < whole
    assert len(network.anatomy.blocks) == 2


def test_the_loss_of_a_step_by_hand(trained: Trained, batch: Batch) -> None:
    network, task = trained.network().eval(), trained.bench.context.task
    view = inside(network, layers_kept(network.anatomy, 1))
    objective = Sandwich(task, network, lambda: [narrow(view, 16)], lambda _: batch, Precision(torch.device("cpu")))
    with torch.no_grad():
        large, small = network(batch), cut(network, Size(1, 16)).eval()(batch)
        p, q = (large / 2).softmax(dim=-1), (small / 2).softmax(dim=-1)
        soft = 4 * (p * (p / q).log()).sum(dim=-1).mean()
        assert batch.targets is not None
        hard = -large.log_softmax(dim=-1).gather(1, batch.targets[:, None]).mean()
        found = objective(np.zeros(0, np.int64))
    torch.testing.assert_close(found, (hard + soft) / 2)


def test_the_training_makes_small_sizes_better(trained: Trained) -> None:
    """Against the sizes that are cut out without any."""
    options = "depths=[1, 0.5], widths=[1, 0.25]"
    bare, found = (trained.after(f"elastic(layers=1, neurons=0.25, {options}, steps={steps})") for steps in (0, 30))
    assert found.curve[-1].step == "1 layers, 16 neurons"
    assert len(found.curve) == 1 + 4
    losses = []
    for one in (bare, found):
        assert len(one.network.anatomy.blocks) == 1
        assert neurons(one.network.anatomy) == 16
        assert one.curve[-1].model_params == parameter_count(one.network)
        with torch.no_grad():
            losses.append(sum(float(trained.bench.loss(one.network, batch)) for batch in trained.bench.batches(64)))
    assert losses[1] < losses[0]


def test_without_a_target_the_smallest_within_the_margin_is_taken(trained: Trained) -> None:
    found = trained.after("elastic(margin=50, steps=2, depths=[0.5], widths=[0.5])")
    good = [point.model_params for point in found.curve[1:] if point.kept]
    assert parameter_count(found.network) == min(good)
    assert "4 sizes" in found.notes[1]
    sizes = [point.model_params for point in found.curve[1:]]
    assert sizes[0] == parameter_count(trained.made)


@pytest.mark.parametrize(
    ("link", "message"),
    [("elastic(params=0.01, steps=0)", "no size of the lattice"), ("elastic(depths=[2])", "up to 1"), ("elastic(widths=[])", "up to 1")],
)
def test_what_cannot_be_is_told(trained: Trained, link: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        trained.after(link)
    assert message in caught.value.message


def test_the_network_that_is_given_is_left_where_no_size_is_good_enough(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leantune.compressors._stopping.Way.look", refusing)
    found = trained.after("elastic(steps=1, depths=[0.5], widths=[0.5])")
    assert "as it was" in found.notes[0]
    before, after = copy.deepcopy(trained.made).state_dict(), found.network.state_dict()
    assert all(bool((after[name] == value).all()) for name, value in before.items())


def refusing(way: object, step: str, network: Network, *, targeted: bool) -> bool:
    """Dev supports nothing."""
    del targeted
    first = way.curve[0]  # type: ignore[attr-defined]
    way.curve.append(first.model_copy(update={"step": step, "kept": False, "model_params": parameter_count(network)}))  # type: ignore[attr-defined]
    return False


def test_views_are_trained_with_the_embeddings_of_the_whole_network(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is not split while views hold it."""
    seen: list[object] = []
    original = compressing.fit
    monkeypatch.setattr(compressing, "fit", lambda setup, looks: seen.append(setup.tokens) or original(setup, looks))
    trained.after("elastic(layers=1, steps=2)")
    assert seen == [None]
    trained.after("shrink(layers=1, steps=2)")
    assert seen[-1] is not None
