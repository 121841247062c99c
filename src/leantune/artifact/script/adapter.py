"""The script's part for an adapter on a base model."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel

from leantune.artifact.script.common import FOLDER, SETTINGS, find_base


def load_body(auto: Any, base: str | None, **options: Any) -> Any:
    """The base model with the adapter of this folder on it."""
    place = find_base(base)
    revision = SETTINGS["revision"] if place in SETTINGS["bases"] else None
    body = auto.from_pretrained(place, revision=revision or "main", dtype=torch.float32, ignore_mismatched_sizes=True, **options)
    return PeftModel.from_pretrained(body, FOLDER)
