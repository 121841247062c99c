"""A comparison in one process and by `--on ray:N`: what joining costs, how it scales to the processors at hand, and a model beyond.

    python -m benchmarks.cluster --data train.jsonl --workers 1,2 --rounds 2
    python -m benchmarks.cluster --table

Rates are fixed and every method gets all of its seeds, so that the same trainings are done each time. With a and b from the measured
T(1) and T(2) the model is T(N) = a + b / N: a is what goes on one by one (reading, joining, probes, proof, report), b what is shared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measured import asked, compared
from benchmarks.rows import first_rows
from benchmarks.speed import embedded, machine

RESULTS = Path(__file__).parent / "results" / "cluster.jsonl"
METHODS = "full(lr=2e-4),bitfit(lr=9e-3),lora(lr=4e-3),pfeiffer(lr=1.8e-2)"
HERE = "one process"
BEYOND = (4, 8, 16)


def compare(rows: Path, run: Path, on: str, steps: int) -> dict[str, Any]:
    """Seconds from command to prompt, and those of the trainings in it."""
    arguments = [str(rows), "--methods", METHODS, "--keep-all", "--seeds", "2", "--budget", f"{steps}steps", "--batch", "16"]
    seconds, found = compared([*arguments, *([] if on == HERE else ["--on", on])], run)
    trials = found.trials
    return {"seconds": seconds, "trials": len(trials), "trained": sum(trial.cost.train_seconds or 0.0 for trial in trials)}


def model(one: float, two: float) -> tuple[float, float]:
    """A and b of T(N) = a + b / N."""
    return 2 * two - one, 2 * (one - two)


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of each measurement: what was measured, and the model."""
    for run in runs:
        seconds = {on: statistics.median(one[on]["seconds"] for one in run["rounds"]) for on in run["rounds"][0]}
        spread = {on: [one[on]["seconds"] for one in run["rounds"]] for on in seconds}
        trials = run["rounds"][0][HERE]["trials"]
        yield f"\n**{run['data']}** ({run['rows']:,} rows, {trials} trials of at most {run['steps']} steps, {run['machine']})\n"
        yield "| trials at a time | seconds | against `--on ray:1` |\n|---|---:|---:|"
        for on, found in seconds.items():
            yield f"| {on} | {found:.0f} ({min(spread[on]):.0f}-{max(spread[on]):.0f}) | {seconds['ray:1'] / found:.2f} |"
        if "ray:2" in seconds:
            alone, shared = model(seconds["ray:1"], seconds["ray:2"])
            for workers in BEYOND:
                found = alone + shared / workers
                yield f"| {workers}, by the model {alone:.0f} + {shared:.0f} / N | {found:.0f} | {seconds['ray:1'] / found:.2f} |"


def main() -> None:
    """Measure, or print the tables of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="JSON lines with text and label; the embedded tickets when not given")
    parser.add_argument("--rows", type=int, default=1_000, help="the first ones of the file")
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--rounds", type=int, default=2)
    options, ledger = asked(parser, RESULTS, table)
    ways = [HERE, *(f"ray:{number}" for number in sorted({"1", *options.workers.split(",")}, key=int))]  # all are held against ray:1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = Path(options.data) if options.data else embedded(folder)
        rows = first_rows(source, folder / "rows.jsonl", options.rows)
        rounds = [
            {on: compare(folder / "rows.jsonl", folder / f"{number}-{place}", on, options.steps) for place, on in enumerate(ways)}
            for number in range(options.rounds)
        ]
    told = {"data": f"{source.parent.name}/{source.stem}", "rows": rows, "steps": options.steps}
    ledger.add(told | {"machine": machine(), "processors": os.cpu_count(), "rounds": rounds})


if __name__ == "__main__":
    main()
