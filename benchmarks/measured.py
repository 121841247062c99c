"""What the accuracy benchmarks share: finished runs on disk, one search for the learning rate for both sides, cells of the tables."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import read_rows
from leantune.app.candidates import Candidate
from leantune.app.study import Study
from leantune.comparison.race import RaceResult, best_full, next_full_rate, next_rate, winner
from leantune.core.events import Finished
from leantune.core.records import Comparison, TrialRecord
from leantune.execution.trial import run_trial

SEEDS = (1, 2, 3)
BATCH = 16

Run = Callable[[Candidate, float, str, int, int], dict[str, Any]]
"""(candidate, learning rate, phase, seed, steps) -> dev, test, status, seconds"""


def trained(study: Study, candidate: Candidate, lr: float, phase: Any, seed: int, steps: int) -> TrialRecord:
    """One training of ours; the last weights count, as with the peer."""
    *_, last = run_trial(study.context, candidate.job(lr, phase=phase, seed=seed, steps=steps, looks=1, measure=False))
    assert isinstance(last, Finished)
    return last.record


def told(record: TrialRecord) -> dict[str, Any]:
    """What the results keep of it."""
    return {"dev": record.scores.dev, "test": record.scores.test, "status": record.status, "seconds": record.cost.train_seconds}


class Ledger:
    """The finished runs on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs = read_rows(path) if path.exists() else []

    def once(self, run: Run, candidate: Candidate, key: dict[str, Any], steps: int) -> dict[str, Any]:
        """The stored run of this key, or a new one."""
        for known in self.runs:
            if key.items() <= known.items():
                return known
        return self.add(key | {"steps": steps} | run(candidate, key["lr"], key["phase"], key["seed"], steps))

    def add(self, done: dict[str, Any]) -> dict[str, Any]:
        """Keep a finished run."""
        self.runs.append(done)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done) + "\n")
        print(json.dumps(done), flush=True)
        return done


def asked(parser: argparse.ArgumentParser, results: Path, table: Callable[[list[dict[str, Any]]], Iterable[str]]) -> tuple[Any, Ledger]:
    """Options and finished runs; with --table their tables are printed, and that is all."""
    parser.add_argument("--table", action="store_true", help="print the tables of what is there")
    options, ledger = parser.parse_args(), Ledger(results)
    if options.table:
        print("\n".join(table(ledger.runs)))
        raise SystemExit
    return options, ledger


def timed(arguments: Sequence[str], **environment: str) -> float:
    """Seconds that a `leantune` command takes, from command to prompt."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "leantune.cli.main", *arguments], check=True, capture_output=True, env=os.environ | environment)
    return time.perf_counter() - start


def compared(arguments: Sequence[str], run: Path) -> tuple[float, Comparison]:
    """`leantune compare` with these arguments into a run folder: seconds from command to prompt, and what it found out."""
    return timed(["compare", *arguments, "--out", str(run)]), Comparison.model_validate_json((run / "comparison.json").read_bytes())


def tuned(ledger: Ledger, run: Run, candidate: Candidate, key: dict[str, Any], *, floor: float, steps: int) -> float:
    """The method's learning rate on this set and side: as `leantune compare` finds it."""
    results: list[RaceResult] = []
    while (rate := next_rate(results, candidate.planned_rates, floor=floor)) is not None:
        done = ledger.once(run, candidate, key | {"phase": "race", "seed": SEEDS[0], "lr": rate}, steps // 3)
        results.append(RaceResult(rate, done["dev"], done["status"]))
    best = winner(results)
    first, full = key | {"phase": "final", "seed": SEEDS[0]}, list[RaceResult]()
    following: float | None = best.lr if best else candidate.rates.start
    while following is not None:
        done = ledger.once(run, candidate, first | {"lr": following}, steps)
        full.append(RaceResult(following, done["dev"], done["status"]))
        following = next_full_rate(results, full)
    return best_full(full).lr


def finals(runs: Sequence[dict[str, Any]], key: dict[str, Any]) -> list[dict[str, Any]]:
    """The full-length runs of this key at the rate that was best on dev with the first seed."""
    found = [run for run in runs if (key | {"phase": "final"}).items() <= run.items()]
    best = max(found, key=lambda run: (run["seed"] == SEEDS[0], run["dev"] or 0.0), default={"lr": None})
    return [run for run in found if run["lr"] == best["lr"]]


def cell(found: Sequence[dict[str, Any]]) -> str:
    """Mean and standard deviation of the test scores in points."""
    scores = [100 * run["test"] for run in found if run["test"] is not None]
    if not scores:
        return "fails" if found else "-"
    spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    return f"{statistics.mean(scores):.1f}{spread}"
