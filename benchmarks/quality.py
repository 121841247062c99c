"""Test accuracy of every method on real data, three seeds, beside the same method through Trainer + peft with an equally tuned rate.

    python -m benchmarks.quality --data ../shared/data --side ours     # and --side peer, beside it or later; both can be interrupted
    python -m benchmarks.quality --table

Both sides get the same base, rows, batch size and number of steps, and find their learning rate by the same race (the rates of the
method's own range, a third of the steps, seed 1, best dev accuracy; a rate that does not hold at full length gives way). Every
finished run is one line of `results/quality.jsonl`.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import peer
from benchmarks.measured import BATCH, SEEDS, Ledger, Run, cell, finals, told, trained, tuned
from benchmarks.rows import read_rows, write_rows
from leantune.app.candidates import Candidate, field_of
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, Study, open_study
from leantune.models.locate import locate

RESULTS = Path(__file__).parent / "results" / "quality.jsonl"
SETS = ("trec", "sst2", "banking77", "sick")
METHODS = ("full", "head", "lora", "bitfit", "last_layers", "norm", "ia3", "vera", "adalora", "prefix", "prompt", "p_tuning")
OURS_ONLY = ("houlsby", "pfeiffer", "parallel")
"""`peft` has no bottleneck adapters, and no maintained library has them for transformers 5."""
STEPS = 96
ROWS = {"dev": 300, "test": 800}
"""At most so many rows, drawn once with a fixed seed, so that prediction does not cost more than training."""


def prepared(source: Path, folder: Path) -> dict[str, str]:
    """The splits of a set with the columns that are used and the rows that are scored."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for split in ("train", "dev", "test"):
        rows = read_rows(source / f"{split}.jsonl")
        if len(rows) > ROWS.get(split, len(rows)):
            rows = random.Random(0).sample(rows, ROWS[split])
        paths[split] = str(folder / f"{split}.jsonl")
        write_rows(Path(paths[split]), rows, ("text", "text_pair", "label"))
    return paths


def open_data(paths: dict[str, str], folder: Path) -> tuple[Study, dict[str, Candidate]]:
    """The study of a set and every method with its range of rates."""
    study = open_study(Sources(paths["train"], paths["dev"], paths["test"]), folder, Options.of(model="minilm", batch=BATCH))
    field = field_of(read_methods([*METHODS, *OURS_ONLY]), study.base, study.context.head, "classification", study.options)
    return study, {candidate.name: candidate for candidate in field.candidates}


def run_ours(study: Study) -> Run:
    """Through leantune's trial."""
    return lambda *job: told(trained(study, *job))


def run_peer(paths: dict[str, str], also: Sequence[str] = (), **settings: bool) -> Run:
    """Through Trainer and peft.

    Args:
        paths: of the splits.
        also: what of its findings is kept besides scores, status and time.
        settings: of `peer.run`.
    """

    def run(candidate: Candidate, lr: float, phase: str, seed: int, steps: int) -> dict[str, Any]:
        splits = paths if phase == "final" else {split: paths[split] for split in ("train", "dev")}
        spec = {"model": locate("minilm").source, "method": candidate.name, "lr": lr, "seed": seed, "steps": steps, "batch": BATCH}
        try:
            found = peer.run(spec | splits | settings)
        except Exception as error:  # noqa: BLE001 a method that the peer cannot run is a finding, not the end of the benchmark
            return {"dev": None, "test": None, "status": "failed", "reason": f"{type(error).__name__}: {error}"[:300]}
        return {name: found.get(name) for name in ("dev", "test", "status", "seconds", *also)}

    return run


def measure(side: str, data: Path, work: Path, sets: list[str]) -> None:
    """All runs of one side on these sets, the first seed of everything before the second."""
    ledger, methods = Ledger(RESULTS), METHODS + (OURS_ONLY if side == "ours" else ())
    floors: dict[str, float] = {}
    fields: dict[str, tuple[Run, dict[str, Candidate]]] = {}
    for name in sets:
        paths = prepared(data / name, work / side / name)
        study, candidates = open_data(paths, work / side / f"study-{name}")
        floors[name] = float(np.bincount(study.context.gold["dev"]).max() / len(study.context.gold["dev"]))
        fields[name] = (run_ours(study) if side == "ours" else run_peer(paths, grouped=True), candidates)
    for seed in SEEDS:
        for method in methods:
            for name, (run, candidates) in fields.items():
                key = {"side": side, "data": name, "method": method}
                rate = tuned(ledger, run, candidates[method], key, floor=floors[name], steps=STEPS)
                ledger.once(run, candidates[method], key | {"phase": "final", "seed": seed, "lr": rate}, STEPS)


def table(runs: list[dict[str, Any]]) -> Iterator[str]:
    """One line per method: mean accuracy over seeds and its standard deviation, ours beside the peer's, per set."""
    yield "| method | " + " | ".join(f"{name} ours | peer" for name in SETS) + " |"
    yield "|---|" + "---:|---:|" * len(SETS)
    for method in (*METHODS, *OURS_ONLY):
        keys = [{"side": side, "data": name, "method": method} for name in SETS for side in ("ours", "peer")]
        cells = [cell(finals(runs, key)) for key in keys]
        yield f"| `{method}` | " + " | ".join(cells) + " |"


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
