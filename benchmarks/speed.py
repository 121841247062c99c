"""Training throughput and peak memory against Trainer + peft, in paired runs, as ratios.

    python -m benchmarks.speed --data train.jsonl --methods full,lora,head --rounds 3

Each round runs ours, the peer with its defaults and the peer tuned by an expert (rows grouped by length, no dropout), one after
the other in processes of their own, nothing else running. The ratio is taken inside each round; median and range are reported.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from leantune.models.locate import locate

ROOT = Path(__file__).parents[1]
TICKETS = ROOT / "src" / "leantune" / "demo" / "tickets.csv"
RATES = {"full": 1e-4, "lora": 5e-4, "head": 5e-3, "bitfit": 1e-3, "last_layers": 1e-4, "ia3": 3e-3}


def measure(side: str, spec: dict[str, Any]) -> dict[str, Any]:
    """One run in a fresh process."""
    module = "benchmarks.ours" if side == "ours" else "benchmarks.peer"
    if side != "ours":
        expert = side == "expert"
        spec = spec | {"model": locate(spec["model"]).source, "grouped": expert, "no_dropout": expert}
    done = subprocess.run([sys.executable, "-m", module, json.dumps(spec)], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"{side} {spec['method']} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def compare(method: str, spec: dict[str, Any], rounds: int) -> dict[str, Any]:
    """All rounds of one method: ratios ours / peer, higher is faster; memory ours / peer, lower is leaner."""
    runs = [
        {side: measure(side, spec | {"method": method, "lr": RATES[method]}) for side in ("ours", "defaults", "expert")}
        for _ in range(rounds)
    ]
    line: dict[str, Any] = {
        "method": method,
        "rows_per_second": round(statistics.median(run["ours"]["rows_per_second"] for run in runs), 1),
    }
    for peer in ("defaults", "expert"):
        speed = [run["ours"]["rows_per_second"] / run[peer]["rows_per_second"] for run in runs]
        memory = [run["ours"]["peak_memory_bytes"] / run[peer]["peak_memory_bytes"] for run in runs]
        line[f"speed_{peer}"], line[f"memory_{peer}"] = summary(speed), summary(memory)
    return line


def summary(ratios: list[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": round(statistics.median(ratios), 2), "low": round(min(ratios), 2), "high": round(max(ratios), 2)}


def embedded(folder: Path) -> Path:
    """The embedded tickets as JSON lines, for a run without other data."""
    path = folder / "tickets.jsonl"
    with TICKETS.open(encoding="utf-8") as source, path.open("w", encoding="utf-8") as target:
        target.writelines(json.dumps(row) + "\n" for row in csv.DictReader(source))
    return path


def main() -> None:
    """Measure and print a Markdown table and one JSON line per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="JSON lines with text, optionally text_pair, and label; the embedded tickets when not given")
    parser.add_argument("--methods", default="full,lora,head")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or str(embedded(Path(folder)))
        spec = {"model": options.model, "train": data, "steps": options.steps, "seed": 1}
        print("| method | rows/s | speed against defaults | against expert | memory against defaults | against expert |")
        print("|---|---|---|---|---|---|")
        for method in options.methods.split(","):
            line = compare(method, spec, options.rounds)
            cells = [line[key] for key in ("speed_defaults", "speed_expert", "memory_defaults", "memory_expert")]
            shown = " | ".join(f"{cell['median']} ({cell['low']}-{cell['high']})" for cell in cells)
            print(f"| `{method}` | {line['rows_per_second']} | {shown} |", flush=True)
            print(json.dumps(line), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
