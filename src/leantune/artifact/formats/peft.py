"""peft: the adapter form, a small folder that names its base; what an artifact of an adapter method already is."""

from __future__ import annotations

import shutil
from pathlib import Path

from leantune.artifact.likeness import Measure
from leantune.core.errors import ArtifactError
from leantune.models.adapter_file import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from leantune.models.delta import HEAD
from leantune.models.soft_tokens import FILE as SOFT_TOKENS

SUMMARY = "the adapter and its head, a small folder that names its base model"


def write(source: Path, measure: Measure, folder: Path) -> None:
    """Copy the adapter's files.

    Raises:
        ArtifactError: E-ARTIFACT where the whole model is stored.
    """
    if measure.predictor.manifest.form == "whole":
        method = measure.predictor.manifest.facts.method
        raise ArtifactError(f"{source}: {method} is stored as a whole model and has no adapter. Use --format merged.", "E-ARTIFACT")
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS, *[SOFT_TOKENS] * (source / SOFT_TOKENS).is_file()):
        shutil.copy2(source / name, folder / name)
    if (source / HEAD).is_dir():
        shutil.copytree(source / HEAD, folder / HEAD)


MEMBER = write
