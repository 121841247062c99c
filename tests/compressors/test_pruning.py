"""Pruning: the share that is asked for is left, zeros stay zero, what matters to the task stays."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from trained_model import Trained

from leantune.core.errors import SpecError
from leantune.kinds.method import parse_method
from leantune.models.gates import gate, ungate
from leantune.models.network import Network, parameter_count
from leantune.models.slices import attention_outputs, neurons


def weights_of(network: Network) -> list[torch.Tensor]:
    return [network.body.get_submodule(site.path).weight for site in network.anatomy.sites if site.kind != "norm"]  # type: ignore[misc]


def silent_heads(network: Network) -> int:
    found = 0
    for site, size in attention_outputs(network.anatomy):
        weight: torch.Tensor = network.body.get_submodule(site.path).weight  # type: ignore[assignment]
        found += int((weight.reshape(len(weight), -1, size) == 0).all(dim=2).all(dim=0).sum())
    return found


@pytest.mark.parametrize("by", ["taylor", "magnitude", "movement"])
def test_half_of_the_neurons_are_really_gone_and_the_task_is_still_known(trained: Trained, by: str) -> None:
    found = trained.after(f"prune(neurons, keep=0.5, by={by}, rounds=2, steps=20)")
    assert neurons(found.network.anatomy) == 32
    assert parameter_count(found.network) < parameter_count(trained.made)
    assert trained.bench.tally(found.network).score() >= 0.9
    assert "50.0 % of the neurons are left" in found.notes[0]
    assert "zero" not in found.notes[0]


@pytest.mark.parametrize("by", ["taylor", "magnitude", "movement"])
def test_single_weights_become_zeros_and_stay_so_while_the_rest_is_trained(trained: Trained, by: str) -> None:
    found = trained.after(f"prune(weights, keep=0.25, by={by}, rounds=2, steps=20)")
    for weight in weights_of(found.network):
        assert abs(float((weight != 0).float().mean()) - 0.25) < 0.01
    assert parameter_count(found.network) == parameter_count(trained.made)
    assert "zero, which takes as much room and time as before" in found.notes[0]
    assert trained.bench.tally(found.network).score() >= 0.9


def test_heads_fall_silent_over_all_layers_but_one_stays_in_each(trained: Trained) -> None:
    found = trained.after("prune(heads, keep=0.3, rounds=1, steps=8)")
    assert silent_heads(found.network) == 8 - 2
    for site, size in attention_outputs(found.network.anatomy):
        weight: torch.Tensor = found.network.body.get_submodule(site.path).weight  # type: ignore[assignment]
        assert (weight.reshape(len(weight), -1, size) != 0).any()


def test_without_a_share_it_goes_on_while_dev_supports_it(trained: Trained) -> None:
    found = trained.after("prune(neurons, margin=30, steps=70)")
    kept = [point for point in found.curve if point.kept]
    assert len(kept) > 1
    assert neurons(found.network.anatomy) < 64
    assert found.curve[0].dev - kept[-1].dev < 0.3
    assert parameter_count(found.network) == kept[-1].model_params


def test_the_picture_has_every_layer_and_head(trained: Trained) -> None:
    seen = trained.after("prune(neurons, keep=0.5, rounds=1, steps=0)").importance
    assert seen is not None
    assert [len(row) for row in seen.heads] == [4, 4]
    assert max(max(row) for row in seen.heads) == 1.0
    assert all(row == sorted(row, reverse=True) for row in seen.neurons)


def test_taylor_keeps_what_the_loss_needs(trained: Trained) -> None:
    """Half of the neurons by importance cost less loss than the other half."""
    found = []
    for flip in (1, -1):
        network = trained.network()
        from leantune.compressors._units import kind_of

        kind = kind_of("neurons", network)
        scores = [flip * score for score in kind.scores(network, trained.bench, "taylor", 64)]
        smaller = kind.cut(network, scores, 0.5, trained.made)
        with torch.no_grad():
            found.append(sum(float(trained.bench.loss(smaller, batch)) for batch in trained.bench.batches(64)))
    assert found[0] < found[1]


def test_a_gate_passes_gradients_as_the_paper_says() -> None:
    """dL/dS = dL/dW' * W, dL/dW = dL/dW' * mask (Sanh et al. 2020, equations 2 and 3), by hand on one linear map."""
    torch.manual_seed(0)
    part, rows = nn.Linear(4, 3, bias=False), torch.randn(5, 4)
    weight = part.weight.detach().clone()
    found = gate(part)
    found.scores.data = torch.arange(12.0).reshape(3, 4)
    found.keep = 0.5
    mask = (found.scores >= 6).float()
    loss = (part(rows) ** 2).sum()
    loss.backward()
    direct = 2 * (rows @ (weight * mask).T).T @ rows
    torch.testing.assert_close(found.scores.grad, direct * weight)
    torch.testing.assert_close(part.parametrizations.weight.original.grad, direct * mask)  # type: ignore[union-attr]
    ungate([part])
    torch.testing.assert_close(part.weight.detach(), weight * mask)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("prune(heads, by=l1)", "by=l1 is for weights"),
        ("prune(weights, by=movement)", "needs keep"),
        ("prune(weights, keep=0.5, by=l1)", "leave keep out"),
        ("prune(nurons)", "neurons"),
        ("prune(neurons, keep=1.5)", "less than 1"),
    ],
)
def test_what_does_not_go_together_is_refused(link: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_method(f"full | {link}")
    assert said in caught.value.message, caught.value.message
