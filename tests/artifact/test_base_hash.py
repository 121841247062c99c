"""The hash of the base's weights travels with an adapter, also where the base lies on the hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from making import make_one

from leantune.artifact import predictor
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import ArtifactError
from leantune.models import base as bases
from leantune.models import locate as locating
from leantune.models.base import open_base
from leantune.models.locate import Location, hub_weights
from leantune.testing.tiny import make


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for what the hub has under owner/name."""
    folder = make("bert", tmp_path / "hub")
    known = locating._from_hub
    monkeypatch.setattr(
        locating,
        "_from_hub",
        lambda location, name: (
            known(location, name) if location.source != "owner/name" else (folder / name if (folder / name).is_file() else None)
        ),
    )
    loaded = bases.load_pretrained

    def load(kind: Any, location: Location, **options: Any) -> Any:
        return loaded(kind, replace(location, source=str(folder), local=True) if location.source == "owner/name" else location, **options)

    monkeypatch.setattr(bases, "load_pretrained", load)
    return folder


def test_weights_on_the_hub_have_the_hash_that_they_have_in_a_folder(hub: Path) -> None:
    there, here = open_base("owner/name"), open_base(str(hub))
    assert there.weights_digest is None, "studies do not wait for the weights"
    assert there.stored_digest == here.stored_digest == here.weights_digest
    (hub / "model.safetensors.index.json").write_text('{"weight_map": {"a": "b.safetensors", "c": "model.safetensors"}}')
    assert hub_weights(there.location) == [], "a part is missing"
    (hub / "b.safetensors").write_bytes(b"b")
    assert [file.name for file in hub_weights(there.location)] == ["b.safetensors", "model.safetensors"]


def test_an_adapter_of_a_folder_is_not_put_on_other_weights_of_the_hub(hub: Path, tmp_path: Path) -> None:
    artifact = make_one(make("bert", tmp_path / "mine", seed=5), "lora", tmp_path / "made").folder
    manifest = read_manifest(artifact)
    elsewhere = manifest.model_copy(update={"base": manifest.base.model_copy(update={"name": "owner/name", "source": "owner/name"})})
    with pytest.raises(ArtifactError, match=r'"owner/name" has other weights than the base model of the training'):
        predictor.find_base(artifact, elsewhere)
    same = elsewhere.base.model_copy(update={"weights_digest": open_base("owner/name").stored_digest})
    assert predictor.find_base(artifact, elsewhere.model_copy(update={"base": same})).name == "owner/name"
    (hub / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match="does not show its weights"):
        predictor.find_base(artifact, elsewhere)
