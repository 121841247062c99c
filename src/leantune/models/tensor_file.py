"""Named tensors in a safetensors file: no pickle, and an error of the system for a disk that refuses."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


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


def load_tensors(file: Path) -> dict[str, Tensor]:
    """Read them.

    Raises:
        OSError: when it is no readable safetensors file.
    """
    try:
        found: dict[str, Tensor] = load_file(file)
    except SafetensorError as error:
        raise OSError(errno.EIO, f"no readable safetensors file: {error}", str(file)) from error
    return found
