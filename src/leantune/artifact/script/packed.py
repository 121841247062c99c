"""The script's part for an adapter on a base model in 4 bits."""

from __future__ import annotations

import json
from typing import Any

import torch
import transformers
from peft import PeftModel

from leantune.artifact.script.common import FOLDER, SETTINGS, find_base


def load_body(auto: Any, base: str | None, **options: Any) -> Any:
    """The base model, packed as it was for the training, with the adapter of this folder on it."""
    place = find_base(base)
    revision = SETTINGS["revision"] if place in SETTINGS["bases"] else None
    said = json.loads((FOLDER / "quantization_config.json").read_text(encoding="utf-8"))
    options |= {"quantization_config": transformers.BitsAndBytesConfig(**said), "device_map": {"": "cpu"}}
    body = auto.from_pretrained(place, revision=revision or "main", dtype=torch.float32, ignore_mismatched_sizes=True, **options)
    for part in body.modules():
        if hasattr(part, "support_avx512bf16_for_cpu"):
            part.support_avx512bf16_for_cpu = False  # some CPUs would compute in bfloat16, which the training did not
    return PeftModel.from_pretrained(body, FOLDER)
