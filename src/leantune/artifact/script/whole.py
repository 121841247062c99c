"""The script's part for a folder that holds the whole model."""

from __future__ import annotations

from typing import Any

import torch

from leantune.artifact.script.common import FOLDER


def load_body(auto: Any, base: str | None, **options: Any) -> Any:
    """The model of this folder; it needs no base."""
    del base
    return auto.from_pretrained(FOLDER, dtype=torch.float32, **options)
