"""Products in bfloat16: where they are taken, and that attention among them stays whole."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from leantune.execution import precision
from leantune.execution.precision import Precision, pick_precision


@pytest.mark.parametrize(
    ("name", "device", "width", "amx", "found"),
    [
        ("auto", "cpu", 384, True, "bf16"),
        ("auto", "cpu", 384, False, "fp32"),
        ("auto", "cpu", 64, True, "fp32"),
        ("auto", "mps", 384, True, "fp32"),
        ("bf16", "cpu", 64, False, "bf16"),
        ("fp32", "cpu", 384, True, "fp32"),
    ],
)
def test_auto_takes_bf16_where_the_processor_has_it(
    name: str, device: str, width: int, amx: bool, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_has_amx", lambda: amx)
    assert pick_precision(name, device, width) == found  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def body() -> BertModel:
    torch.manual_seed(1)
    config = BertConfig(vocab_size=50, hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128)
    return BertModel(config, add_pooling_layer=False).eval()


def states(body: BertModel, products: str) -> torch.Tensor:
    ids, mask = torch.arange(24).view(2, 12), torch.ones(2, 12, dtype=torch.long)
    mask[1, 7:] = 0
    with Precision(torch.device("cpu"), products)():  # type: ignore[arg-type]
        return body(input_ids=ids, attention_mask=mask).last_hidden_state[:, :7]


def test_states_and_gradients_are_those_of_float32_but_for_the_rounding(body: BertModel) -> None:
    found, weights = {}, torch.randn(2, 7, 64)
    for products in ("fp32", "bf16"):
        body.zero_grad()
        last = states(body, products)
        (last.float() * weights).sum().backward()
        found[products] = last.detach().float(), body.encoder.layer[0].attention.self.query.weight.grad.clone()
    for whole, short in zip(found["fp32"], found["bf16"], strict=True):
        assert 0 < (whole - short).norm() < 0.05 * whole.norm()


def test_attention_is_computed_in_float32_among_them(body: BertModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        torch.nn.functional, "scaled_dot_product_attention", lambda q, *rest, **more: seen.append(q.dtype) or original(q, *rest, **more)
    )
    states(body, "bf16")
    assert seen == [torch.float32] * 2


def test_nothing_changes_outside_of_them(body: BertModel) -> None:
    before = states(body, "fp32")
    states(body, "bf16")
    assert torch.equal(states(body, "fp32"), before)
