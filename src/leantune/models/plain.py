"""Plain: the body that `transformers` made, whatever peft wrapped around it."""

from __future__ import annotations

from typing import Any

from peft import PeftModel
from torch import nn


def plain(body: nn.Module) -> Any:
    """The model inside of a PeftModel, with what a method put into it; any other body as it is."""
    return body.get_base_model() if isinstance(body, PeftModel) else body
