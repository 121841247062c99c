"""Test accuracy of every method on real data, three seeds, beside the same method through Trainer + peft with an equally tuned rate.

    python -m benchmarks.quality --data ../shared/data --side ours     # and --side peer, beside it or later; both can be interrupted
    python -m benchmarks.quality --table

Both sides get the same base, rows, batch size and number of steps, and find their learning rate by the same race (the rates of the
method's own range, a third of the steps, seed 1, best dev accuracy; a rate that does not hold at full length gives way). Every
finished run is one line of `results/quality.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import peer
from leantune.app.candidates import Candidate, field_of, read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, Study, open_study
from leantune.comparison.race import RaceResult, next_rate, slower, winner
from leantune.core.events import Finished
from leantune.execution.trial import run_trial
from leantune.models.locate import locate

RESULTS = Path(__file__).parent / "results" / "quality.jsonl"
SETS = ("trec", "sst2", "banking77", "sick")
METHODS = ("full", "head", "lora", "bitfit", "last_layers", "norm", "ia3", "vera", "adalora", "prefix", "prompt", "p_tuning")
OURS_ONLY = ("houlsby", "pfeiffer", "parallel")
"""`peft` has no bottleneck adapters, and no maintained library has them for transformers 5."""
SEEDS = (1, 2, 3)
STEPS, BATCH = 96, 16
ROWS = {"dev": 300, "test": 800}
"""At most so many rows, drawn once with a fixed seed, so that prediction does not cost more than training."""

Run = Callable[[Candidate, float, str, int, int], dict[str, Any]]
"""(candidate, learning rate, phase, seed, steps) -> dev, test, seconds"""


def prepared(source: Path, folder: Path) -> dict[str, str]:
    """The splits of a set with the columns that are used and the rows that are scored."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for split in ("train", "dev", "test"):
        rows = [json.loads(line) for line in (source / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
        if len(rows) > ROWS.get(split, len(rows)):
            rows = random.Random(0).sample(rows, ROWS[split])
        kept = [{key: row[key] for key in ("text", "text_pair", "label") if key in row} for row in rows]
        paths[split] = str(folder / f"{split}.jsonl")
        Path(paths[split]).write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    return paths


def open_data(paths: dict[str, str], folder: Path) -> tuple[Study, dict[str, Candidate]]:
    """The study of a set and every method with its range of rates."""
    study = open_study(Sources(paths["train"], paths["dev"], paths["test"]), folder, Options.of(model="minilm", batch=BATCH))
    field = field_of(read_methods([*METHODS, *OURS_ONLY]), study.base, study.context.outputs, "classification", study.options)
    return study, {candidate.name: candidate for candidate in field.candidates}


def run_ours(study: Study) -> Run:
    """Through leantune's trial; the last weights count, as with the peer."""

    def run(candidate: Candidate, lr: float, phase: Any, seed: int, steps: int) -> dict[str, Any]:
        job = candidate.job(lr, phase=phase, seed=seed, steps=steps, looks=1, measure=False)
        *_, last = run_trial(study.context, job)
        assert isinstance(last, Finished)
        record = last.record
        return {"dev": record.scores.dev, "test": record.scores.test, "status": record.status, "seconds": record.cost.train_seconds}

    return run


def run_peer(paths: dict[str, str]) -> Run:
    """Through Trainer and peft, with the dropout of the base."""

    def run(candidate: Candidate, lr: float, phase: str, seed: int, steps: int) -> dict[str, Any]:
        splits = paths if phase == "final" else {split: paths[split] for split in ("train", "dev")}
        spec = {"model": locate("minilm").source, "method": candidate.name, "lr": lr, "seed": seed, "steps": steps, "batch": BATCH}
        try:
            found = peer.run(spec | splits | {"grouped": True})
        except Exception as error:  # noqa: BLE001 a method that the peer cannot run is a finding, not the end of the benchmark
            return {"dev": None, "test": None, "status": "failed", "reason": f"{type(error).__name__}: {error}"[:300]}
        return {"dev": found["dev"], "test": found.get("test"), "status": found["status"], "seconds": found["seconds"]}

    return run


class Ledger:
    """The finished runs on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.runs = [json.loads(line) for line in lines]

    def once(self, run: Run, candidate: Candidate, key: dict[str, Any], steps: int) -> dict[str, Any]:
        """The stored run of this key, or a new one."""
        for known in self.runs:
            if key.items() <= known.items():
                return known
        done = key | {"steps": steps} | run(candidate, key["lr"], key["phase"], key["seed"], steps)
        self.runs.append(done)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done) + "\n")
        print(json.dumps(done), flush=True)
        return done


def tuned(ledger: Ledger, run: Run, candidate: Candidate, key: dict[str, Any], floor: float) -> float:
    """The method's learning rate on this set and side: as `leantune compare` finds it."""
    results: list[RaceResult] = []
    while (rate := next_rate(results, candidate.planned_rates, floor=floor)) is not None:
        done = ledger.once(run, candidate, key | {"phase": "race", "seed": 1, "lr": rate}, STEPS // 3)
        results.append(RaceResult(rate, done["dev"], done["status"]))
    best = winner(results)
    rate = best.lr if best else candidate.planned_rates[1]
    first = key | {"phase": "final", "seed": SEEDS[0]}
    dev = dev_of(ledger.once(run, candidate, first | {"lr": rate}, STEPS))
    while (lower := slower(results, rate, dev)) is not None:
        other = dev_of(ledger.once(run, candidate, first | {"lr": lower}, STEPS))
        if (other or 0.0) <= (dev or 0.0):
            break
        rate, dev = lower, other
    return rate


def dev_of(done: dict[str, Any]) -> float | None:
    """The dev score of a run that counts."""
    score: float | None = done["dev"] if done["status"] == "ok" else None
    return score


def measure(side: str, data: Path, work: Path, sets: list[str]) -> None:
    """All runs of one side on these sets, the first seed of everything before the second."""
    ledger, methods = Ledger(RESULTS), METHODS + (OURS_ONLY if side == "ours" else ())
    floors: dict[str, float] = {}
    fields: dict[str, tuple[Run, dict[str, Candidate]]] = {}
    for name in sets:
        paths = prepared(data / name, work / side / name)
        study, candidates = open_data(paths, work / side / f"study-{name}")
        floors[name] = float(np.bincount(study.context.gold["dev"]).max() / len(study.context.gold["dev"]))
        fields[name] = (run_ours(study) if side == "ours" else run_peer(paths), candidates)
    for seed in SEEDS:
        for method in methods:
            for name, (run, candidates) in fields.items():
                key = {"side": side, "data": name, "method": method}
                rate = tuned(ledger, run, candidates[method], key, floors[name])
                ledger.once(run, candidates[method], key | {"phase": "final", "seed": seed, "lr": rate}, STEPS)


def table(runs: list[dict[str, Any]]) -> Iterator[str]:
    """One line per method: mean accuracy over seeds and its standard deviation, ours beside the peer's, per set."""
    yield "| method | " + " | ".join(f"{name} ours | peer" for name in SETS) + " |"
    yield "|---|" + "---:|---:|" * len(SETS)
    for method in (*METHODS, *OURS_ONLY):
        cells = [cell(runs, side, name, method) for name in SETS for side in ("ours", "peer")]
        yield f"| `{method}` | " + " | ".join(cells) + " |"


def cell(runs: list[dict[str, Any]], side: str, name: str, method: str) -> str:
    """Mean and standard deviation in points, at the rate that was best on dev."""
    key = {"side": side, "data": name, "method": method, "phase": "final"}
    finals = [run for run in runs if key.items() <= run.items()]
    best = max(finals, key=lambda run: (run["seed"] == SEEDS[0], run["dev"] or 0.0), default={"lr": None})
    found = [run for run in finals if run["lr"] == best["lr"]]
    scores = [100 * run["test"] for run in found if run["test"] is not None]
    if not scores:
        return "fails" if found else "-"
    spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    return f"{statistics.mean(scores):.1f}{spread}"


def main() -> None:
    """Measure one side, or print the table of what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the sets, each with train, dev and test.jsonl")
    parser.add_argument("--side", choices=("ours", "peer"))
    parser.add_argument("--work", type=Path, help="where studies are kept between runs; a temporary folder when not given")
    parser.add_argument("--sets", default=",".join(SETS), help="only these, so that two processes can share a side")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print("\n".join(table(Ledger(RESULTS).runs)))
        return
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        measure(options.side, options.data, options.work or Path(folder), options.sets.split(","))


if __name__ == "__main__":
    main()
