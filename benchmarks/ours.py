"""Our side of a paired measurement: one training as `leantune compare` has it done, by a process of its own from a prepared run folder.

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
from leantune.core.events import Finished
from leantune.execution.runner import Runner


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Train once and measure; the data check and the reports are not part of it."""
    with tempfile.TemporaryDirectory() as folder:
        study = open_study(
            Sources(spec["train"], spec.get("dev"), spec.get("test")),
            Path(folder),
            Options.of(model=spec["model"], max_length=spec.get("max_length")),
        )
        (candidate,) = field_in(study, read_methods([spec["method"]])).candidates
        # A race is a training without what follows it: test rows, latency, files.
        job = candidate.job(spec["lr"], phase="race", seed=spec["seed"], steps=spec["steps"], looks=1)
        study.context.encoded("train")
        with Runner(study.run, study.spec.conditions) as runner:
            *_, last = runner.run(job)
        assert isinstance(last, Finished)
        cost = last.record.cost
        assert cost.train_seconds is not None, last.record.problem
        return {
            "rows_per_second": spec["steps"] * 32 / cost.train_seconds,
            "peak_memory_bytes": cost.peak_memory_bytes,
            "seconds": cost.train_seconds,
            "dev": last.record.scores.dev,
        }


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
