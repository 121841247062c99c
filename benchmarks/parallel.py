"""One model trained by several processes (`--parallel`) against one process with as many threads, and with one.

    python -m benchmarks.parallel --data train.jsonl --methods full,lora --rounds 2
    python -m benchmarks.parallel --table

`leantune train` from command to prompt, and the seconds of its steps; every way takes its turn in each round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measured import asked, timed
from benchmarks.rows import first_rows
from benchmarks.speed import embedded, machine
from leantune.core.records import TrialRecord

RESULTS = Path(__file__).parent / "results" / "parallel.jsonl"
ALONE = "one thread"


def train(rows: Path, run: Path, way: str, method: str, steps: int, batch: int) -> dict[str, float]:
    """Seconds from command to prompt, and those of the steps."""
    threads = {"OMP_NUM_THREADS": "1"} if way == ALONE else {}
    arguments = ["train", str(rows), "--method", method, "--budget", f"{steps}steps", "--batch", str(batch), "--out", str(run)]
    seconds = timed([*arguments, *(["--parallel", way] if ":" in way else [])], **threads)
    (record,) = (TrialRecord.model_validate_json(path.read_bytes()) for path in run.glob("trials/*/record.json"))
    return {"seconds": seconds, "trained": record.cost.train_seconds or 0.0}


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of each measurement: medians over the rounds, and how much faster the steps are than with one thread."""
    for run in runs:
        yield f"\n**{run['data']}** (`{run['method']}`, {run['steps']} steps of {run['batch']} rows, {run['machine']})\n"
        yield "| | seconds of the steps | against one thread | from command to prompt |\n|---|---:|---:|---:|"
        alone = [one[ALONE]["trained"] for one in run["rounds"]]
        for way in run["rounds"][0]:
            trained, seconds = ([one[way][name] for one in run["rounds"]] for name in ("trained", "seconds"))
            ratios = [first / own for first, own in zip(alone, trained, strict=True)]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            yield f"| {way} | {statistics.median(trained):.1f} | {spread} | {statistics.median(seconds):.0f} |"


def main() -> None:
    """Measure, or print the tables of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="JSON lines with text and label; the embedded tickets when not given")
    parser.add_argument("--rows", type=int, default=2_000, help="the first ones of the file")
    parser.add_argument("--methods", default="full,lora")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    options, ledger = asked(parser, RESULTS, table)
    ways = [ALONE, f"{os.cpu_count()} threads", f"ddp:{options.processes}", f"fsdp:{options.processes}"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = Path(options.data) if options.data else embedded(folder)
        first_rows(source, folder / "rows.jsonl", options.rows)
        for method in options.methods.split(","):
            rounds = [
                {
                    way: train(folder / "rows.jsonl", folder / f"{method}-{number}-{place}", way, method, options.steps, options.batch)
                    for place, way in enumerate(ways)
                }
                for number in range(options.rounds)
            ]
            told = {"data": f"{source.parent.name}/{source.stem}", "method": method, "steps": options.steps, "batch": options.batch}
            ledger.add(told | {"machine": machine(), "rounds": rounds})


if __name__ == "__main__":
    main()
