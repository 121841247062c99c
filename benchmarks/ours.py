"""Our side of a paired measurement: one training as `leantune compare` has it done, in a fresh process from a prepared run folder.

python -m benchmarks.ours '{"model": "minilm", "train": "train.jsonl", "method": "lora", "lr": 5e-4, "steps": 64, "seed": 1}'

A trial of `leantune` is forked from a process that has the libraries loaded, and what it has not touched of them does not count as its
memory; here it loads them itself, as the peer does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, open_study
from leantune.core.events import parse_event
from leantune.core.records import TrialRecord

TRAIN = "import json, sys; from leantune.execution.worker import perform; perform(json.loads(sys.argv[1]))"


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
        told = {"conditions": study.spec.conditions.model_dump(mode="json"), "job": job.model_dump(mode="json")}
        record = trained({"kind": "trial", "run": str(study.run)} | told)
        assert record.cost.train_seconds is not None, record.reason
        return {
            "rows_per_second": spec["steps"] * 32 / record.cost.train_seconds,
            "peak_memory_bytes": record.cost.peak_memory_bytes,
            "seconds": record.cost.train_seconds,
            "dev": record.scores.dev,
        }


def trained(request: dict[str, Any]) -> TrialRecord:
    """What a trial left, carried out in a process of its own."""
    done = subprocess.run([sys.executable, "-c", TRAIN, json.dumps(request)], capture_output=True, text=True, check=True)
    last = parse_event(done.stdout.strip().splitlines()[-1])
    assert last.kind == "finished"
    return last.record


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
