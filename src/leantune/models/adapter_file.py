"""An adapter in a folder: its configuration read with distrust, its tensors put into a body, none missing and none left over.

adapter_config.json + adapter_model.safetensors
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peft import PeftModel
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from peft.utils.peft_types import PeftType
from torch import nn

from leantune.core.errors import ArtifactError
from leantune.models.quiet import quiet
from leantune.models.surgery import NOTHING, is_tuner
from leantune.models.tensor_file import read_tensors
from leantune.models.untrusted import read_object, refuse_adapter, refuse_unfit

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_TARGETS = ("target_modules", "feedforward_modules", "exclude_modules")
_PLACED = "prompt_embeddings"
"""Of virtual tokens; `peft` puts them in their place itself and calls them unexpected all the same."""
_SHARED = ("vblora_vector_bank", "prompt_encoder")
"""Tensors that stand in a body several times and in a file once, or not at all."""


def adapter_config(file: Path) -> dict[str, Any]:
    """The configuration of an adapter.

    Raises:
        ArtifactError: E-ARTIFACT for a damaged file, and for a tuner that nobody here has.
    """
    config = read_object(file)
    tuner = config.get("peft_type")
    if not isinstance(tuner, str):
        raise ArtifactError(
            f'{file}: no readable adapter configuration: "peft_type" is missing. Copy the whole folder again.', "E-ARTIFACT"
        )
    if not is_tuner(tuner.lower()):
        raise ArtifactError(f"{file}: nobody here knows the tuner {tuner}. Install the package that it was trained with.", "E-ARTIFACT")
    return config


def put_adapter(body: nn.Module, folder: Path) -> PeftModel:
    """A body with the adapter of a folder around it.

    Raises:
        ArtifactError: E-ARTIFACT when it is damaged, hostile, or of another base.
    """
    _refuse_hostile(folder)
    read_tensors(folder / ADAPTER_WEIGHTS)
    try:
        with quiet():
            adapted = PeftModel.from_pretrained(body, folder)
            found = adapted.load_adapter(str(folder), "default")  # once more, because only this says which tensors found no place
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ArtifactError(f"{folder}: the adapter does not fit its base model: {' '.join(lines[:2])[:300]}", "E-ARTIFACT") from error
    missing = [name for name in found.missing_keys if not any(part in name for part in _SHARED)]
    refuse_unfit(folder / ADAPTER_WEIGHTS, _nowhere(adapted, missing), set(found.unexpected_keys) - {_PLACED})
    adapted.eval()
    return adapted


def _nowhere(body: nn.Module, missing: Sequence[str]) -> list[str]:
    """Those tensors that are stored under no name: layers that share their weights store them once."""
    absent, names = set(missing), dict[int, set[str]]()
    for name, tensor in body.named_parameters(remove_duplicate=False):
        names.setdefault(id(tensor), set()).add(name)
    stored = {name for group in names.values() if group - absent for name in group}
    return [name for name in missing if name not in stored]


def _refuse_hostile(folder: Path) -> None:
    file, weights = folder / ADAPTER_CONFIG, folder / ADAPTER_WEIGHTS
    config = adapter_config(file)
    for field in _TARGETS:
        if isinstance(config.get(field), str) and config[field] != NOTHING:
            raise ArtifactError(f'{file}: "{field}" is a regular expression. Write the module paths as a list.', "E-ARTIFACT")
    if not weights.is_file():
        raise ArtifactError(f"{weights}: the file is missing. Copy the whole folder again.", "E-ARTIFACT")
    kind: Any = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[config["peft_type"].upper()]]
    refuse_adapter(file, config, {*kind.__dataclass_fields__, "peft_version"}, weights)
