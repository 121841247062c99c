"""Rows one after the other inside of the layers: the states of the padded way, for every layout of lengths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel

from leantune.models.unpadded import Layout, unpadded


def mask_of(lengths: list[int], *, left: bool = False) -> torch.Tensor:
    width = max(lengths)
    rows = [[0] * (width - length) + [1] * length if left else [1] * length + [0] * (width - length) for length in lengths]
    return torch.tensor(rows)


def test_rows_stand_one_after_the_other_short_ones_first() -> None:
    layout = Layout.of(mask_of([3, 1, 2, 1]))
    assert layout.runs == ((2, 1), (1, 2), (1, 3))
    assert layout.places.tolist() == [3, 9, 6, 7, 0, 1, 2]


def test_what_is_unpacked_is_what_was_packed_and_nothing_at_the_padding() -> None:
    mask = mask_of([3, 1, 2])
    states = torch.randn(3, 3, 5)
    layout = Layout.of(mask)
    assert torch.equal(layout.unpack(layout.pack(states)), states * mask.unsqueeze(-1))
    same = torch.arange(3.0).view(1, 3, 1)
    assert layout.pack(same)[0, :, 0].tolist() == [0, 0, 1, 0, 1, 2], "what is the same for all rows is given to each"
    assert layout.pack({"mask": torch.ones(3, 1, 3, 3)}) == {"mask": None}
    assert layout.pack((torch.ones(1, 1, 1, 3), 0.5)) == (None, 0.5)


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
@pytest.mark.parametrize(("lengths", "left"), [([5, 2, 9, 2], False), ([4, 4], False), ([1, 7], False), ([5, 2, 9], True)])
def test_states_and_gradients_are_those_of_the_padded_way(family: str, lengths: list[int], left: bool, tiny: Callable[[str], Path]) -> None:
    body: Any = AutoModel.from_pretrained(tiny(family)).eval()
    layers = next(part for part in body.modules() if isinstance(part, torch.nn.ModuleList))
    mask = mask_of(lengths, left=left)
    ids = torch.randint(5, 50, mask.shape, generator=torch.Generator().manual_seed(0))

    def run(around: Any) -> tuple[torch.Tensor, list[torch.Tensor]]:
        body.zero_grad()
        with around:
            states = body(input_ids=ids, attention_mask=mask).last_hidden_state[mask.bool()]
        states.square().sum().backward()
        return states.detach(), [one.grad.clone() for one in body.parameters() if one.grad is not None]

    (wanted, before), (found, after) = run(torch.enable_grad()), run(unpadded(layers, mask))
    assert torch.allclose(wanted, found, atol=1e-5)
    assert len(before) == len(after) > 10
    assert all(torch.allclose(one, other, atol=1e-3, rtol=1e-4) for one, other in zip(before, after, strict=True))
    assert all("forward" not in vars(layer) for layer in layers)


def test_the_layers_are_what_they_were_after_an_error(tiny: Callable[[str], Path]) -> None:
    body: Any = AutoModel.from_pretrained(tiny("bert"))
    with pytest.raises(AttributeError, match="size"), unpadded(body.encoder.layer, mask_of([1, 2])):
        body(input_ids=None, inputs_embeds="no states")
    assert "forward" not in vars(body.encoder.layer[0])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_the_kernel_of_a_gpu_is_asked_for_the_same(causal: bool, groups: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would be given, computed by hand on a CPU: `varlen_attn` itself runs on GPUs alone."""

    def by_hand(query: Any, key: Any, value: Any, start: Any, start_key: Any, longest: int, longest_key: int, **options: Any) -> Any:
        assert start is start_key
        assert start.dtype is torch.int32
        assert longest == longest_key == int(start.diff().max())
        assert options["enable_gqa"] == (query.shape[1] != key.shape[1])
        parts = []
        for first, end in zip(start[:-1].tolist(), start[1:].tolist(), strict=True):
            one = (part[first:end].transpose(0, 1).unsqueeze(0) for part in (query, key, value))
            found = torch.nn.functional.scaled_dot_product_attention(
                *one, is_causal=options["window_size"] == (-1, 0), scale=options["scale"], enable_gqa=options["enable_gqa"]
            )
            parts.append(found[0].transpose(0, 1))
        return torch.cat(parts)

    monkeypatch.setattr("leantune.models.unpadded.varlen_attn", by_hand)
    module = torch.nn.Module()
    module.is_causal, module.num_key_value_groups = causal, groups  # type: ignore[assignment]
    layout = Layout.of(mask_of([3, 1, 2, 3]))
    query, key, value = torch.randn(1, 4, 9, 8), torch.randn(1, 4 // groups, 9, 8), torch.randn(1, 4 // groups, 9, 8)
    wanted, _ = layout.attend(module, query, key, value, None, scaling=0.3)
    assert torch.allclose(layout._at_once(module, query, key, value, scaling=0.3), wanted, atol=1e-6)


@pytest.mark.parametrize("options", [{"sliding_window": 2}, {"position_bias": torch.zeros(1, 4, 3, 3)}])
def test_windows_and_biases_of_positions_are_refused(options: dict[str, Any]) -> None:
    states = torch.randn(1, 4, 5, 8)
    with pytest.raises(NotImplementedError):
        Layout.of(mask_of([3, 2])).attend(torch.nn.Module(), states, states, states, None, **options)
