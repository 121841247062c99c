from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForSequenceClassification, PeftModel
from transformers import AutoModel, AutoModelForSequenceClassification

from leantune.core import catalogue
from leantune.core.errors import ArtifactError, SpecError
from leantune.kinds.method import parse_method
from leantune.models.adaptation import Adaptation, Target
from leantune.models.base import Base, open_base
from leantune.models.build import anatomy_of, build_network
from leantune.models.delta import delta_bytes, read_delta, write_delta
from leantune.models.heads import HeadSpec
from leantune.models.network import Batch, Network
from leantune.testing.tiny import make

LABELS = ["no", "yes", "maybe"]
HEAD = HeadSpec("sequence", LABELS, 3)
METHODS = [name for name in catalogue.names("methods") if name not in ("peft", "frozen")] + ["lora(sites=all, dora=true)"]


@pytest.fixture(scope="module", params=["bert", "sentence-bert", "gpt2"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return open_base(str(make(request.param, tmp_path_factory.mktemp(request.param))))


def trained(base: Base, expression: str) -> tuple[Network, Adaptation]:
    """A network whose trained parameters were moved away from where they start."""
    method = parse_method(expression).method
    prepends = method.card.prepends
    why = method.unsupported(anatomy_of(base, HEAD, prepends=prepends))
    if why:
        pytest.skip(why)
    network = build_network(base, HEAD, seed=1, prepends=prepends)
    kind = "SEQ_CLS" if network.head is None else "FEATURE_EXTRACTION"
    try:
        adaptation = method.attach(Target(network.body, network.anatomy, kind, 10), seed=2)
    except SpecError as error:
        pytest.skip(error.message)
    network.body = adaptation.body
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.removeprefix("body.") in adaptation.trainable or name in network.head_parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    return network.eval(), adaptation


def batch() -> Batch:
    ids = torch.randint(5, 90, (4, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    return Batch(ids, mask)


@torch.no_grad()
def difference(one: Network, other: Network) -> float:
    return float((one(batch()) - other(batch())).abs().max())


@pytest.mark.parametrize("expression", METHODS)
def test_reads_back_to_the_last_bit_and_merges_closely(base: Base, expression: str, tmp_path: Path) -> None:
    network, adaptation = trained(base, expression)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    write_delta(network, adaptation, base, tmp_path)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert difference(network, read_delta(base, tmp_path, HEAD, merge=False)) == 0.0
    quick = read_delta(base, tmp_path, HEAD)
    assert difference(network, quick) <= 1e-5
    assert not isinstance(quick.body, PeftModel) or not parse_method(expression).method.card.mergeable


@pytest.mark.parametrize("expression", ["lora", "bitfit", "norm", "last_layers(1)", "head"])
def test_plain_peft_loads_an_adapter_with_a_stock_head(expression: str, tmp_path: Path) -> None:
    base = open_base(str(make("bert", tmp_path / "base")))
    network, adaptation = trained(base, expression)
    write_delta(network, adaptation, base, tmp_path / "delta")
    plain = AutoPeftModelForSequenceClassification.from_pretrained(str(tmp_path / "delta"), num_labels=3).eval()
    with torch.no_grad():
        assert torch.equal(plain(**batch().inputs()).logits, network(batch()))


def test_whole_model_loads_in_plain_transformers_with_the_dropout_of_its_base(tmp_path: Path) -> None:
    base = open_base(str(make("bert", tmp_path / "base")))
    network, adaptation = trained(base, "full")
    write_delta(network, adaptation, base, tmp_path / "delta")
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "delta").eval()
    with torch.no_grad():
        assert torch.equal(plain(**batch().inputs()).logits, network(batch()))
    assert plain.config.hidden_dropout_prob == base.config.hidden_dropout_prob == 0.1
    assert plain.config.id2label == dict(enumerate(LABELS))


def test_the_encoder_of_a_pooled_whole_model_loads_in_plain_transformers(tmp_path: Path) -> None:
    base = open_base(str(make("sentence-bert", tmp_path / "base")))
    network, adaptation = trained(base, "full")
    write_delta(network, adaptation, base, tmp_path / "delta")
    plain = AutoModel.from_pretrained(tmp_path / "delta").eval()
    with torch.no_grad():
        assert torch.equal(plain(**batch().inputs()).last_hidden_state, network.body(**batch().inputs()).last_hidden_state)


def test_files_name_the_base_and_hold_no_pattern(tmp_path: Path) -> None:
    base = open_base(str(make("bert", tmp_path / "base")))
    network, adaptation = trained(base, "ia3")
    write_delta(network, adaptation, base, tmp_path / "delta")
    config = json.loads((tmp_path / "delta" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tmp_path / "base")
    assert isinstance(config["target_modules"], list)
    assert isinstance(config["feedforward_modules"], list)
    assert {file.suffix for file in (tmp_path / "delta").iterdir()} == {".json", ".safetensors"}
    assert delta_bytes(tmp_path / "delta") == sum(file.stat().st_size for file in (tmp_path / "delta").iterdir())


def spoil(folder: Path, how: str) -> None:
    weights, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    if how == "missing":
        weights.unlink()
    elif how == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "no json":
        config.write_text("{")
    elif how == "pattern":
        config.write_text(json.dumps(json.loads(config.read_text()) | {"target_modules": "(.*)*query"}))
    elif how == "empty":
        config.unlink()


@pytest.mark.parametrize("how", ["missing", "cut", "no json", "pattern", "empty"])
def test_damaged_files_are_refused_with_a_reason(how: str, tmp_path: Path) -> None:
    base = open_base(str(make("bert", tmp_path / "base")))
    write_delta(*trained(base, "lora"), base, tmp_path / "delta")
    spoil(tmp_path / "delta", how)
    with pytest.raises(ArtifactError, match="delta"):
        read_delta(base, tmp_path / "delta", HEAD)


def test_another_base_is_refused(tmp_path: Path) -> None:
    base, other = (open_base(str(make(family, tmp_path / family))) for family in ("bert", "roberta"))
    write_delta(*trained(base, "lora"), base, tmp_path / "delta")
    with pytest.raises(ArtifactError, match="does not fit its base"):
        read_delta(other, tmp_path / "delta", HEAD)
