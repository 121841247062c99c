"""The script's part for long texts of which the words are left out that the base, as it was before the training, expected."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from leantune.artifact.script.common import SETTINGS, find_base
from leantune.models.surprise import surprises


def scorer() -> Any:
    """How surprising each token of a text is to the base."""
    place = find_base(None)
    revision = SETTINGS["revision"] if place in SETTINGS["bases"] else None
    model = transformers.AutoModelForCausalLM.from_pretrained(place, revision=revision or "main", dtype=torch.float32).eval()
    start, room = SETTINGS["scored"]
    return lambda ids: surprises(model, ids, start, room)
