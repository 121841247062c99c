"""Named tensors in a safetensors file: no pickle, and an error of the system for a disk that refuses."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from leantune.core.errors import ArtifactError
from leantune.models.untrusted import shapes_in


def write_tensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write them without aliases and in order, as safetensors needs them.

    Raises:
        OSError: when the disk refuses.
    """
    plain = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    try:
        save_file(plain, file, metadata={"format": "pt"})
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(file)) from error


def read_tensors(file: Path, *, finite: bool = True) -> dict[str, Tensor]:
    """The tensors of a safetensors file; damaged files are refused, and with `finite` numbers that are not finite."""
    if not file.is_file():
        raise ArtifactError(f"{file}: the file is missing. Copy the whole folder again.", "E-ARTIFACT")
    shapes_in(file)
    try:
        tensors: dict[str, Tensor] = load_file(file)
    except SafetensorError as error:
        raise ArtifactError(f"{file}: no readable safetensors file: {error}. Copy the whole folder again.", "E-ARTIFACT") from error
    broken = [name for name, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken and finite:
        raise ArtifactError(f"{file}: {broken[0]} holds numbers that are not finite. Train again at a lower rate.", "E-ARTIFACT")
    return tensors
