"""leantune: the cheapest adaptation of a pretrained model that is as good as full fine-tuning, with the evidence.

    import leantune as lt

    study  = lt.study("tickets.csv", model="minilm", budget="10min")
    result = lt.compare(study, methods=["full", "head", "lora(rank=4)"])
    print(result.choice.reason)

The names below are loaded when they are first used, so that `import leantune` needs no torch.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

# Where bitsandbytes is installed, peft imports it, and it tells of kernels that it could download; nothing here needs them.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

if TYPE_CHECKING:
    from leantune.app.api import (
        Choice,
        Predictor,
        Preflight,
        Result,
        check,
        compare,
        ensemble,
        export,
        init,
        load,
        merge,
        plan,
        preview,
        score,
        study,
        train,
    )
    from leantune.core.errors import LeantuneError

__version__ = "0.1.0"

_API = (
    "Choice",
    "Predictor",
    "Preflight",
    "Result",
    "check",
    "compare",
    "ensemble",
    "export",
    "init",
    "load",
    "merge",
    "plan",
    "preview",
    "score",
    "study",
    "train",
)
_HOMES = dict.fromkeys(_API, "leantune.app.api") | {"LeantuneError": "leantune.core.errors"}

__all__ = [
    "Choice",
    "LeantuneError",
    "Predictor",
    "Preflight",
    "Result",
    "__version__",
    "check",
    "compare",
    "ensemble",
    "export",
    "init",
    "load",
    "merge",
    "plan",
    "preview",
    "score",
    "study",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'leantune' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
