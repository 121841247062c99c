"""A whole comparison against the same trainings one by one through Trainer + peft: the time until it is known which method to take.

    python -m benchmarks.whole --data FOLDER --sets sst2
    python -m benchmarks.whole --table

Ours is `leantune compare` as a user runs it: reading, the check, the race for the learning rate, three seeds of what can still win, floors,
proof, artifact and report. The peer gets the same eight methods, rows, steps and batch size, races the same rates (a third of the steps),
then trains three seeds of each, in one process: no check, no artifact, no report. Every measurement is one line of `results/whole.jsonl`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measured import SEEDS, Ledger, asked, compared, tuned
from benchmarks.quality import open_data, prepared, run_peer
from benchmarks.speed import machine

RESULTS = Path(__file__).parent / "results" / "whole.jsonl"
METHODS = ("full", "head", "last_layers", "bitfit", "lora", "adalora", "ia3", "prefix")
STEPS, BATCH = 96, 16


def ours(paths: dict[str, str], run: Path) -> dict[str, Any]:
    """Seconds from command to prompt, and what it found out."""
    arguments = [paths["train"], "--dev", paths["dev"], "--test", paths["test"], "--methods", ",".join(METHODS)]
    arguments += ["--budget", f"{STEPS}steps", "--batch", str(BATCH), "--seeds", "3"]
    seconds, found = compared(arguments, run)
    trials = [trial for trial in found.trials if trial.phase in ("race", "final")]
    rows = {row.name: {"test": row.mean, "seeds": row.seeds, "verdict": row.verdict} for row in found.methods}
    return {"seconds": seconds, "trainings": len(trials), "methods": {name: rows[name] for name in METHODS}, "choice": found.choice.method}


def peer(paths: dict[str, str], folder: Path) -> dict[str, Any]:
    """Seconds of all trainings one after the other, and what they found out."""
    study, candidates = open_data(paths, folder / "study")
    floor = float(np.bincount(study.context.gold["dev"]).max() / len(study.context.gold["dev"]))
    ledger, run = Ledger(folder / "peer.jsonl"), run_peer(paths)
    found: dict[str, Any] = {}
    start = time.perf_counter()
    for method in METHODS:
        key = {"method": method}
        rate = tuned(ledger, run, candidates[method], key, floor=floor, steps=STEPS)
        done = [ledger.once(run, candidates[method], key | {"phase": "final", "seed": seed, "lr": rate}, STEPS) for seed in SEEDS]
        found[method] = {"test": float(np.mean([one["test"] for one in done if one["test"] is not None])), "seeds": len(done)}
    return {"seconds": time.perf_counter() - start, "trainings": len(ledger.runs), "methods": found}


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of each set: times, and the scores on both sides."""
    for run in runs:
        own, other = run["ours"], run["peer"]
        yield f"\n**{run['data']}** ({STEPS} steps of {BATCH} rows, {run['machine']})\n"
        mine, theirs = (f"{side['seconds'] / 60:.1f} minutes for {side['trainings']} trainings" for side in (own, other))
        yield f"{mine} against {theirs}: "
        yield f"{own['seconds'] / other['seconds']:.2f} of the time. Chosen: `{own['choice']}`.\n"
        yield "| method | ours, test | seeds | verdict | peer, test |\n|---|---:|---:|---|---:|"
        for name, row in own["methods"].items():
            test = "-" if row["test"] is None else f"{100 * row['test']:.1f}"
            yield f"| `{name}` | {test} | {row['seeds']} | {row['verdict']} | {100 * other['methods'][name]['test']:.1f} |"


def main() -> None:
    """Measure, or print the tables of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets, each with train, dev and test.jsonl")
    parser.add_argument("--sets", default="sst2")
    options, ledger = asked(parser, RESULTS, table)
    for name in options.sets.split(","):
        with tempfile.TemporaryDirectory() as work:
            paths = prepared(options.data / name, Path(work) / name)
            told = {"data": name, "machine": machine()}
            ledger.add(told | {"ours": ours(paths, Path(work) / "run"), "peer": peer(paths, Path(work))})


if __name__ == "__main__":
    main()
