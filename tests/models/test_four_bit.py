"""Four bits: a plain model whose maps are packed, which transformers stores and loads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leantune.core.errors import SpecError
from leantune.models.adaptation import Adaptation
from leantune.models.base import Base, open_base
from leantune.models.build import build_network
from leantune.models.delta import read_delta, write_delta
from leantune.models.four_bit import ROUNDING, fitting, is_packed, to_nf4
from leantune.models.network import Network, parameter_count, weight_bytes
from leantune.models.onnx_model import unexportable
from leantune.testing import tiny as kit
from leantune.testing.trial_run import HEAD, batch_of, logits


@pytest.fixture(scope="module")
def base(wide: Callable[[str], Path]) -> Base:
    return open_base(str(wide("bert")))


def opened(base: Base) -> Network:
    return build_network(base, HEAD, seed=1).eval()


@pytest.mark.extra
def test_a_packed_model_is_smaller_says_about_the_same_and_reads_back(base: Base, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    network, rows = opened(base), batch_of(base, HEAD)
    before, count, size = logits(network, rows), parameter_count(network), weight_bytes(network)
    assert len(fitting(network.body, network.anatomy.blocks)) == 12
    packed = to_nf4(network)
    found = logits(packed, rows)
    assert parameter_count(packed) == count
    assert weight_bytes(packed) < 0.5 * size
    assert 0 < float((found - before).abs().max()) < 0.5
    write_delta(packed, Adaptation(packed.body, frozenset()), base, tmp_path)
    again = read_delta(base, tmp_path, HEAD)
    assert is_packed(again.body.config)
    assert weight_bytes(again) == weight_bytes(packed)
    assert float((logits(again, rows) - found).abs().max()) < ROUNDING
    assert {"pooler", "classifier"} <= set(packed.body.config.quantization_config.llm_int8_skip_modules)
    assert "packed into 4 bits" in str(unexportable(again))


@pytest.mark.parametrize(("family", "why"), [("bert", "64 x n inputs"), ("gpt2", "its maps are Conv1D")])
def test_what_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, why: str) -> None:
    monkeypatch.setitem(kit.FAMILIES, "bert", replace(kit.FAMILIES["bert"], changes={"intermediate_size": 32}))
    network = build_network(open_base(str(kit.make(family, tmp_path))), HEAD, seed=1)
    with pytest.raises(SpecError, match=why):
        to_nf4(network)


def test_without_the_package_the_command_is_told(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "bitsandbytes.nn", None)
    with pytest.raises(SpecError, match=r'pip install "leantune\[bnb\]"'):
        to_nf4(opened(base))


def test_a_plain_configuration_is_not_packed(base: Base) -> None:
    assert not is_packed(base.config)
    assert not is_packed({"model_type": "bert"})
    assert is_packed({"quantization_config": {"load_in_4bit": True}})
    assert torch.isfinite(logits(opened(base), batch_of(base, HEAD))).all()
