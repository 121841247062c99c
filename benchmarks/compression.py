"""Smaller models on real data: fewer layers with and without a teacher, pruned, shrunk, rounded, and chains, against full fine-tuning.

    python -m benchmarks.compression --data FOLDER --sets sst2,trec,banking77,snips --seeds 3
    python -m benchmarks.compression --data FOLDER --longer       students that are trained four times as long, with a teacher and without
    python -m benchmarks.compression --table

Everything goes through `leantune compare` (learning rate of `full` fixed, as many steps for every training); test scores are means over
seeds. Speed is measured afterwards on the delivered models of the first seed, one after the other in several rounds (A B C, A B C ...), one
thread: ratios against the full model in fp32 PyTorch, median of the rounds. `results/compression.jsonl` has a line for each method and set.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

import leantune as lt
from benchmarks.measured import asked
from benchmarks.rows import drawn, read_rows, write_rows
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.core.records import TrialRecord
from leantune.evaluate.latency import latency
from leantune.models.delta import read_delta

RESULTS = Path(__file__).parent / "results" / "compression.jsonl"
MOST = {"train": 4_000, "dev": 600, "test": 1_000}
STEPS, LONGER_STEPS, BATCH, ROUNDS = 300, 1_200, 16, 3
FULL = "full(lr=2e-4)"
TEACH = f"distill(teacher='{FULL}', hard=0.3, temperature=2)"
METHODS = {
    "full": FULL,
    "3 layers": "layers(3) | full(lr=2e-4)",
    "3 layers + teacher": f"{TEACH} | layers(3) | full(lr=2e-4)",
    "1 layer": "layers(1) | full(lr=2e-4)",
    "1 layer + teacher": f"{TEACH} | layers(1) | full(lr=2e-4)",
    "neurons pruned to a quarter": f"{FULL} | prune(neurons, keep=0.25)",
    "shrunk to 3 layers": f"{FULL} | shrink(layers=3)",
    "shrunk by the margin": f"{FULL} | shrink",
    "int8": f"{FULL} | quantize(int8)",
    "3 layers + teacher + int8": f"{TEACH} | layers(3) | full(lr=2e-4) | quantize(int8)",
}
SOFT = f"distill(teacher='{FULL}', hard=0, temperature=4)"
LONGER = {
    "full": FULL,
    "3 layers": "layers(3) | full(lr=5e-4)",
    "3 layers + teacher": f"{SOFT} | layers(3) | full(lr=5e-4)",
    "3 layers + teacher + int8": f"{SOFT} | layers(3) | full(lr=5e-4) | quantize(int8)",
    "3 layers (2e-4)": "layers(3) | full(lr=2e-4)",
    "3 layers (2e-4) + teacher": f"{SOFT} | layers(3) | full(lr=2e-4)",
    "3 layers (2e-4) + teacher + int8": f"{SOFT} | layers(3) | full(lr=2e-4) | quantize(int8)",
    "LSTM": "student(lstm) | full(lr=2e-3)",
    "LSTM + teacher": f"{SOFT} | student(lstm) | full(lr=2e-3)",
    "bag": "student(bag) | full(lr=5e-3)",
    "bag + teacher": f"{SOFT} | student(bag) | full(lr=5e-3)",
}
COLUMNS = {"snips": ("tokens", "tags")}
"""Of sets that are no texts with a label."""


def run(name: str, data: Path, folder: Path, methods: dict[str, str], seeds: int, steps: int) -> Iterator[dict[str, Any]]:
    """A line for each method on one set.

    Args:
        name: of the set.
        data: where the sets are.
        folder: of the study.
        methods: expressions by the names of their columns.
        seeds: of each.
        steps: of each training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for split, most in MOST.items():
        write_rows(folder / f"{split}.jsonl", drawn(read_rows(data / name / f"{split}.jsonl"), most), COLUMNS.get(name, ("text", "label")))
    paths = [str(folder / f"{split}.jsonl") for split in MOST]
    options: dict[str, Any] = {
        "model": "minilm",
        "batch": BATCH,
        "budget": f"{steps}steps",
        "seeds": seeds,
        "keep_all": True,
        "quiet": True,
    }
    study = lt.study(paths[0], dev=paths[1], test=paths[2], out=folder / "run", max_length=128, **options)
    found = lt.compare(study, list(methods.values()))
    rows = {row.name: row for row in found.comparison.methods}
    ratios = _ratios(
        study, [trial for trial in found.comparison.trials if trial.phase == "final" and trial.seed == 1 and trial.status == "ok"]
    )
    for column, method in methods.items():
        (candidate,) = field_in(study, read_methods([method])).candidates
        row = rows[candidate.name]
        if row.mean is None:
            continue
        told = {"data": name, "steps": steps, "column": column, "method": row.name, "seeds": row.seeds, "test": row.mean, "sd": row.seed_sd}
        yield told | {
            "verdict": row.verdict,
            "model_bytes": row.cost.model_bytes,
            "seconds": row.cost.train_seconds,
            "faster": ratios.get(row.name),
        }


def _ratios(study: Any, trials: Sequence[TrialRecord]) -> dict[str, dict[str, list[float]]]:
    """How many times as fast as the first one each delivered model is, by rounds."""
    taken: dict[str, list[Any]] = {}
    models = {}
    for trial in trials:
        context = study.context.behind(trial.recipe)
        models[trial.name] = (context, read_delta(context.base, study.run / "trials" / trial.digest / "delta", context.head, merge=True))
    for _ in range(ROUNDS):
        for name, (context, network) in models.items():
            options: dict[str, Any] = {"pad": context.pad, "types": context.types, "device": torch.device("cpu")}
            taken.setdefault(name, []).append(latency(network, context.encoded("dev"), **options))
    first = next(name for name in taken if name.startswith("full") and "|" not in name)
    pairs = {name: list(zip(taken[first], found, strict=True)) for name, found in taken.items()}
    return {
        name: {"1": [a.batch_1 / b.batch_1 for a, b in own], "32": [a.batch_32 / b.batch_32 for a, b in own]} for name, own in pairs.items()
    }


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of each set: score, share of the full model's score, size and speed."""
    for steps, name in dict.fromkeys((run["steps"], run["data"]) for run in runs):
        own = [run for run in runs if (run["steps"], run["data"]) == (steps, name)]
        full = next(run for run in own if run["column"] == "full")
        yield f"\n**{name}** ({steps:,} steps, {full['seeds']} seeds)\n"
        yield "| | test | of full | model | size | faster, 1 row | 32 rows |\n|---|---:|---:|---:|---:|---:|---:|"
        for run in own:
            spread = f" ± {100 * run['sd']:.1f}" if run["sd"] is not None else ""
            share, size = run["test"] / full["test"], run["model_bytes"] / full["model_bytes"]
            faster = [f"{statistics.median(run['faster'][size_]):.2f}" if run["faster"] else "-" for size_ in ("1", "32")]
            cells = [run["column"], f"{100 * run['test']:.1f}{spread}", f"{100 * share:.1f} %", f"{run['model_bytes'] / 1e6:.1f} MB"]
            yield "| " + " | ".join([*cells, f"{100 * size:.0f} %", *faster]) + " |"


def main() -> None:
    """Measure, or print the tables of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets, each with train, dev and test.jsonl")
    parser.add_argument("--work", type=Path, help="where studies are kept between runs; a temporary folder when not given")
    parser.add_argument("--sets", default="sst2,trec,banking77,snips")
    parser.add_argument("--longer", action="store_true", help="the students that are trained for longer")
    parser.add_argument("--columns", help="separated by commas; all of them when not given")
    parser.add_argument("--seeds", type=int, default=3)
    options, ledger = asked(parser, RESULTS, table)
    torch.set_num_threads(1)
    known, steps = (LONGER, LONGER_STEPS) if options.longer else (METHODS, STEPS)
    methods = {name: known[name] for name in options.columns.split(",")} if options.columns else known
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets.split(","):
            for line in run(name, options.data, (options.work or Path(folder)) / name, methods, options.seeds, steps):
                ledger.add(line)


if __name__ == "__main__":
    main()
