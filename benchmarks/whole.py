"""A whole comparison against the same trainings one by one through Trainer + peft: the time until it is known which method to take.

    python -m benchmarks.whole --data FOLDER --sets sst2 --sides ours,defaults,expert     # and --steps 288 --sides defaults
    python -m benchmarks.whole --table

Ours is `leantune compare` as a user runs it: reading, the check, the race for the learning rate, three seeds of what can still win, floors,
proof, artifact and report. The peer gets the same eight methods, rows, steps and batch size, races the same rates (a third of the steps),
then trains three seeds of each, in one process: no check, no artifact, no report. Its answers to the test rows are judged as ours are.
Every measurement is one line of `results/whole.jsonl`.
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
from leantune.comparison.verdict import judge
from leantune.scores.bootstrap import difference
from leantune.scores.labels import tally

RESULTS = Path(__file__).parent / "results" / "whole.jsonl"
METHODS = ("full", "head", "last_layers", "bitfit", "lora", "adalora", "ia3", "prefix")
STEPS, BATCH = 96, 16
MARGIN = 0.01
"""Of `leantune compare`, unless it is told another."""
PEERS: dict[str, dict[str, bool]] = {"defaults": {}, "grouped": {"grouped": True}, "expert": {"grouped": True, "no_dropout": True}}


def ours(paths: dict[str, str], run: Path, steps: int) -> dict[str, Any]:
    """Seconds from command to prompt, and what it found out."""
    arguments = [paths["train"], "--dev", paths["dev"], "--test", paths["test"], "--methods", ",".join(METHODS)]
    arguments += ["--budget", f"{steps}steps", "--batch", str(BATCH), "--seeds", "3"]
    seconds, found = compared(arguments, run)
    trials = [trial for trial in found.trials if trial.phase in ("race", "final")]
    rows = {row.name: {"test": row.mean, "seeds": row.seeds, "verdict": row.verdict} for row in found.methods}
    return {"seconds": seconds, "trainings": len(trials), "methods": {name: rows[name] for name in METHODS}, "choice": found.choice.method}


def peer(paths: dict[str, str], folder: Path, steps: int, settings: dict[str, bool]) -> dict[str, Any]:
    """Seconds of all trainings one after the other, and what they found out."""
    study, candidates = open_data(paths, folder / "study")
    floor = float(np.bincount(study.context.gold["dev"]).max() / len(study.context.gold["dev"]))
    ledger, run = Ledger(folder / "peer.jsonl"), run_peer(paths, also=("right",), **settings)
    done: dict[str, list[dict[str, Any]]] = {}
    start = time.perf_counter()
    for method in METHODS:
        key = {"method": method}
        rate = tuned(ledger, run, candidates[method], key, floor=floor, steps=steps)
        finals = [ledger.once(run, candidates[method], key | {"phase": "final", "seed": seed, "lr": rate}, steps) for seed in SEEDS]
        done[method] = [one for one in finals if one["test"] is not None]
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "trainings": len(ledger.runs), "methods": {name: judged(runs, done["full"]) for name, runs in done.items()}}


def judged(runs: Sequence[dict[str, Any]], reference: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean score of a method's seeds, and the verdict on them as `leantune compare` finds it (without its correction for several)."""
    if not runs:
        return {"test": None, "seeds": 0, "verdict": "fails"}
    mean = float(np.mean([one["test"] for one in runs]))
    if runs is reference:
        return {"test": mean, "seeds": len(runs), "verdict": "reference"}
    both = {one["seed"] for one in runs} & {one["seed"] for one in reference}
    if not both:
        return {"test": mean, "seeds": len(runs), "verdict": "-"}
    own, theirs = (
        [tally("accuracy", np.ones(len(one["right"])), one["right"], 2) for one in side if one["seed"] in both]
        for side in (runs, reference)
    )
    return {"test": mean, "seeds": len(runs), "verdict": judge(difference(own, theirs), MARGIN).verdict}


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of each set: times, each against that of ours before it, and the scores and verdicts of every side."""
    for data in dict.fromkeys(run["data"] for run in runs):
        found = [run for run in runs if run["data"] == data]
        shares, own = [], 0.0
        for run in found:
            own = run["seconds"] if run["side"] == "ours" else own
            shares.append(f"{own / run['seconds']:.2f}")
        yield f"\n**{data}** (steps of {BATCH} rows; {', '.join(dict.fromkeys(run['machine'] for run in found))})\n"
        yield "| | " + " | ".join(f"{run['side']}, {run['steps']} steps" for run in found) + " |"
        yield "|---|" + "---:|" * len(found)
        yield "| minutes | " + " | ".join(f"{run['seconds'] / 60:.1f}" for run in found) + " |"
        yield "| trainings | " + " | ".join(str(run["trainings"]) for run in found) + " |"
        yield "| ours took of that | " + " | ".join(shares) + " |"
        for name in METHODS:
            rows = [run["methods"][name] for run in found]
            cells = (row["verdict"] if row["test"] is None else f"{100 * row['test']:.1f} {row['verdict']}" for row in rows)
            yield f"| `{name}` | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, or print the tables of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets, each with train, dev and test.jsonl")
    parser.add_argument("--sets", default="sst2")
    parser.add_argument("--sides", default="ours,defaults", help=f"in this order, of ours, {', '.join(PEERS)}")
    parser.add_argument("--steps", type=int, default=STEPS)
    options, ledger = asked(parser, RESULTS, table)
    for name in options.sets.split(","):
        with tempfile.TemporaryDirectory() as work:
            paths = prepared(options.data / name, Path(work) / name)
            for place, side in enumerate(options.sides.split(",")):
                folder = Path(work) / f"{place}-{side}"
                found = ours(paths, folder, options.steps) if side == "ours" else peer(paths, folder, options.steps, PEERS[side])
                ledger.add({"data": name, "machine": machine(), "side": side, "steps": options.steps} | found)


if __name__ == "__main__":
    main()
