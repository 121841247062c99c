"""A base model on the hub is known by its name: read from the hub's local cache, without the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leantune.artifact.manifest import read_manifest
from leantune.models.locate import Location, mistyped
from leantune.testing import tiny
from leantune.testing.tiny import WORDS

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OPEN = """
import sys
from leantune.core.errors import LeantuneError
from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.heads import HeadSpec
try:
    base = open_base(sys.argv[1])
except LeantuneError as error:
    print(error)
    raise SystemExit(2)
network = build_network(base, HeadSpec("sequence", ["a", "b"], 2), seed=1)
print(base.pooling, base.location.revision, base.weights_digest, network.head is None)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub cache, laid out as huggingface_hub does, that holds two bases."""
    root = tmp_path_factory.mktemp("hub")
    for name, family in (("owner--plain", "bert"), ("owner--sentences", "sentence-bert")):
        place = root / f"models--{name}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text(COMMIT, encoding="utf-8")
        shutil.copytree(tiny.make(family, root / family), place / "snapshots" / COMMIT)
    return root


def opened(cache: Path, name: str) -> subprocess.CompletedProcess[str]:
    """`open_base` in a process that sees this cache and no network."""
    environment = os.environ | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, "-c", OPEN, name], env=environment, capture_output=True, text=True, check=False)


def test_loads_by_name(cache: Path) -> None:
    """Configuration, tokenizer and weights come from the cache, and their commit is remembered."""
    found = opened(cache, "owner/plain")
    assert found.stdout.split() == ["stock", COMMIT, "None", "True"], found.stderr


@pytest.mark.slow
def test_sentence_encoder_keeps_its_pooling(cache: Path) -> None:
    """What `modules.json` says is read from the hub too."""
    found = opened(cache, "owner/sentences")
    assert found.stdout.split()[0] == "mean", found.stderr


@pytest.mark.slow
def test_artifact_names_the_commit(cache: Path, tmp_path: Path) -> None:
    """A base from the hub is trained, shipped and proven; its commit travels with the artifact."""
    rows = [f"{word} {other},{'good' if word in 'great fine nice' else 'bad'}" for word in WORDS[:30] for other in ("great", "awful")]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    command = ["train", "rows.csv", "--model", "owner/plain", "--method", "lora(rank=2)", "--budget", "10steps", "--out", "run"]
    environment = os.environ | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "leantune.cli.main", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(tmp_path / "run" / "best")
    assert manifest.base.revision == COMMIT
    assert manifest.proof is not None


@pytest.mark.parametrize(
    ("name", "meant"),
    [("minillm", "minilm"), ("tiny-brt", "tiny-bert"), ("bases/oen", "bases/one"), ("bert-base-uncased", None), ("minilm", None)],
)
def test_a_mistyped_name_has_a_nearest_one(name: str, meant: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("tiny-bert", "bases/one", "other"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert mistyped(Location(name, name, local=False)) == meant


@pytest.mark.slow
def test_missing_name_is_one_clear_error(cache: Path) -> None:
    """A name that is not there is a message, not a traceback."""
    found = opened(cache, "owner/nothing")
    assert found.returncode == 2
    assert 'Base model "owner/nothing" cannot be loaded from the hub (and its local cache)' in found.stdout
    assert "Traceback" not in found.stderr
