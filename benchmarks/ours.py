"""Our side of a paired measurement: one training through leantune's own loop in a process of its own.

python -m benchmarks.ours '{"model": "minilm", "train": "train.jsonl", "method": "lora", "lr": 5e-4, "steps": 64, "seed": 1}'
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, open_study
from leantune.core.events import Evaluated
from leantune.execution.attach import attach, setup_of
from leantune.execution.device import peak_memory
from leantune.execution.loop import BestLook, apply_trainable, fit, trained_names


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Train once and measure; the data check and the reports are not part of it."""
    with tempfile.TemporaryDirectory() as folder:
        study = open_study(
            Sources(spec["train"], spec.get("dev"), spec.get("test")),
            Path(folder),
            Options.of(model=spec["model"], max_length=spec.get("max_length")),
        )
        (candidate,) = field_in(study, read_methods([spec["method"]])).candidates
        job = candidate.job(spec["lr"], phase="final", seed=spec["seed"], steps=spec["steps"], looks=1)
        study.context.encoded("train")
        attached = attach(study.context, job)
        apply_trainable(attached.network, trained_names(attached.network, attached.adaptation))
        points = [event.point for event in fit(setup_of(study.context, job, attached), BestLook()) if isinstance(event, Evaluated)]
        seconds = points[-1].seconds
        return {
            "rows_per_second": spec["steps"] * 32 / seconds,
            "peak_memory_bytes": peak_memory(study.context.device),
            "seconds": seconds,
            "dev": points[-1].dev_score,
        }


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
