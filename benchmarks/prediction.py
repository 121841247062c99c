"""Prediction of many rows against Trainer, in float32 and with the int8 export, in paired runs, as ratios.

    python -m benchmarks.prediction --data train.jsonl --dev dev.jsonl --rows 2000 --rounds 3
    python -m benchmarks.prediction --table

Texts in the order of the file, from strings to labels, the model loaded before; the peer with its defaults (8 rows at a time) and as an
expert has it (64). What is in 8 bits is judged on dev, so the models are trained as a user's are. Every measurement is one line of
`results/prediction.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

import leantune as lt
from benchmarks.measured import asked
from benchmarks.peer import Rows
from benchmarks.rows import read_rows, write_rows
from benchmarks.speed import answer, machine, summary
from leantune.models.locate import locate

RESULTS = Path(__file__).parent / "results" / "prediction.jsonl"
OURS = {"fp32": "full", "int8": "full | quantize(int8)"}
PEERS = {"defaults": 8, "expert": 64}
"""Rows at a time."""


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Rows per second of one side."""
    texts = [row["text"] for row in read_rows(Path(spec["rows"]))]
    if spec["side"] in OURS:
        predictor = lt.load(spec["artifact"])
        predictor.predict(texts[:8])
        start = time.perf_counter()
        predictor.predict(texts)
        return {"rows_per_second": len(texts) / (time.perf_counter() - start)}
    tokenizer = AutoTokenizer.from_pretrained(spec["model"])
    labels = sorted({row["label"] for row in read_rows(Path(spec["rows"]))})
    model = AutoModelForSequenceClassification.from_pretrained(spec["model"], num_labels=len(labels))
    with tempfile.TemporaryDirectory() as folder:
        size = PEERS[spec["side"]]
        arguments = TrainingArguments(folder, per_device_eval_batch_size=size, report_to="none", disable_tqdm=True, use_cpu=True)
        trainer = Trainer(model=model, args=arguments, data_collator=DataCollatorWithPadding(tokenizer))
        start = time.perf_counter()
        trainer.predict(Rows(spec["rows"], tokenizer, labels))
        return {"rows_per_second": len(texts) / (time.perf_counter() - start)}


def artifacts(data: Path, dev: Path, steps: int, folder: Path) -> tuple[dict[str, str], str]:
    """Folders of the two artifacts; what is said of the quantised one."""
    study = lt.study(data, dev=dev, model="minilm", out=folder / "run", budget=f"{steps}steps", quiet=True)
    records = {name: lt.train(study, method, folder / name) for name, method in OURS.items()}
    return {name: str(folder / name) for name in OURS}, records["int8"].stages[-1].notes[0]


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of each set of rows."""
    for run_ in runs:
        yield f"\n**{run_['base']}, {run_['data']}** ({run_['rows']:,} rows, {run_['machine']})\n"
        yield f"int8: {run_.get('int8', 'hardly trained')}\n"
        yield "| | rows/s | against defaults | against expert |\n|---|---:|---|---|"
        for side in OURS:
            own = [one[side]["rows_per_second"] for one in run_["rounds"]]
            against = [summary([a / one[peer]["rows_per_second"] for a, one in zip(own, run_["rounds"], strict=True)]) for peer in PEERS]
            yield f"| {side} | {statistics.median(own):.0f} | " + " | ".join(against) + " |"


def main() -> None:
    """Measure, or print the tables of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="JSON lines with text and label")
    parser.add_argument("--dev", type=Path, help="the same")
    parser.add_argument("--steps", type=int, default=200, help="of the trainings")
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    options, ledger = asked(parser, RESULTS, table)
    with tempfile.TemporaryDirectory() as name:
        rows = Path(name) / "rows.jsonl"
        write_rows(rows, read_rows(options.data)[: options.rows], ("text", "label"))
        made, said = artifacts(options.data, options.dev, options.steps, Path(name))
        spec = {"rows": str(rows), "model": locate("minilm").source}
        sides = [*OURS, *PEERS]
        rounds = [
            {side: answer("benchmarks.prediction", spec | {"side": side, "artifact": made.get(side)}) for side in sides}
            for _ in range(options.rounds)
        ]
        told = {"base": "minilm", "data": f"{options.data.parent.name}/{options.data.stem}", "rows": options.rows, "machine": machine()}
        ledger.add(told | {"steps": options.steps, "int8": said, "rounds": rounds})


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(run(json.loads(sys.argv[1]))))
    else:
        main()
