"""Test scores of every task on real data beside full fine-tuning as the official `transformers` examples write it.

    python -m benchmarks.tasks --data ../shared/data                  # can be interrupted; finished runs are not repeated
    python -m benchmarks.tasks --data ../shared/data --sets panx_en,snips --columns full,peer --seeds 1
    python -m benchmarks.tasks --table

Both sides get the same base, rows, batch size and number of steps, are scored by the scorer of the task, and find their learning rate
by the same race (`benchmarks.measured.tuned`). The peer starts so slowly that a short race says little, so it gets a full-length run at the
highest rate of the range too. The column `default` is the peer at the rate of `TrainingArguments` instead. The first
column of every set comes before the second, and the first seed of everything before the second. Every finished run is one line of
`results/tasks.jsonl`.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from benchmarks import peer_tasks
from benchmarks.measured import BATCH, SEEDS, Ledger, Run, cell, finals, told, trained, tuned
from benchmarks.rows import Row, drawn, read_rows, write_rows
from leantune.app.candidates import Candidate, field_of
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, Study, open_study
from leantune.core.events import Finished
from leantune.core.study import Job
from leantune.evaluate.predictions import read_predictions
from leantune.execution.baseline import run_baseline
from leantune.kinds.task import Answers

RESULTS = Path(__file__).parent / "results" / "tasks.jsonl"
MOST = {"dev": 300, "test": 600}
"""At most so many rows, drawn once with a fixed seed, so that prediction does not cost more than training."""
FILES = {"train": "train", "dev": "dev", "test": "test"}
COLUMNS_USED = ("text", "text_pair", "label", "tokens", "predicate_index", "tags", "question", "context", "answers")
OURS = ("full", "lora", "houlsby", "head")
COLUMNS = {"full": ("ours", "full"), "peer": ("peer", "full"), "default": ("default", "full")} | {name: ("ours", name) for name in OURS[1:]}
"""Columns of the table in the order of measuring: side and method."""


@dataclass(frozen=True)
class Set:
    """A data set and how it is measured."""

    group: str
    """The table it stands in."""
    task: str
    metric: str
    also: tuple[str, ...] = ()
    """Other metrics that the results keep."""
    steps: int = 96
    length: int = 128
    draw: Callable[[dict[str, list[Row]]], dict[str, list[Row]]] = lambda rows: {
        split: drawn(found, MOST.get(split, len(found))) for split, found in rows.items()
    }
    """From the rows of the files to those that are used."""


def whole_groups(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Of dev and test questions with all their candidates, those without a right one left out, which say nothing about a ranking."""
    found = {"train": rows["train"]}
    for split, most in MOST.items():
        kept: list[Row] = []
        groups = [list(group) for _, group in groupby(rows[split], key=lambda row: row["text"])]
        for group in random.Random(0).sample(groups, len(groups)):
            if any(row["label"] == "answer" for row in group) and len(kept) + len(group) <= most:
                kept += group
        found[split] = kept
    return found


def without_test(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Where the test file has no answers: dev is the test, and some training rows with contexts of their own are dev."""
    contexts = {row["context"] for row in drawn(rows["train"], MOST["dev"] // 2)}
    apart = {mine: [row for row in rows["train"] if (row["context"] in contexts) == mine] for mine in (True, False)}
    return {"train": apart[False], "dev": apart[True], "test": rows["dev"]}


SETS = {
    "panx_en": Set("words", "tagging", "entity_f1", ("accuracy",)),
    "snips": Set("words", "tagging", "entity_f1", ("accuracy",)),
    "litbank_events": Set("words", "tagging", "entity_f1", ("accuracy",)),
    "ud_ewt_pos": Set("words", "tagging", "accuracy"),
    "srl_ewt": Set("words", "roles", "span_f1", steps=288),
    "mrpc": Set("texts", "classification", "accuracy", ("macro_f1",), steps=288),
    "rte": Set("texts", "classification", "accuracy", steps=288),
    "cola": Set("texts", "classification", "mcc", ("accuracy",), steps=288),
    "stsb": Set("texts", "regression", "spearman", ("pearson",)),
    "wikiqa": Set("texts", "ranking", "map", ("mrr",), draw=whole_groups),
    "semeval2010_task8": Set("texts", "relation", "relation_f1", ("accuracy",)),
    "qamr": Set("answers", "answering", "f1", ("exact_match",), length=256),
    "tydiqa_en": Set("answers", "answering", "f1", ("exact_match",), length=256, draw=without_test),
}


def open_data(name: str, data: Path, folder: Path) -> tuple[Study, dict[str, Candidate]]:
    """The study of a set and our methods with their ranges of rates."""
    one = SETS[name]
    rows = one.draw({split: read_rows(data / name / f"{file}.jsonl") for split, file in FILES.items()})
    folder.mkdir(parents=True, exist_ok=True)
    paths = {split: folder / f"{split}.jsonl" for split in FILES}
    for split, path in paths.items():
        write_rows(path, rows[split], COLUMNS_USED)
    options = Options.of(model="minilm", batch=BATCH, task=one.task, metric=one.metric, max_length=one.length)
    study = open_study(Sources(*(str(paths[split]) for split in FILES)), folder / "study", options)
    field = field_of(read_methods(OURS), study.base, study.context.head, one.task, options)
    return study, {candidate.name: candidate for candidate in field.candidates}


def floor(ledger: Ledger, study: Study, name: str) -> float:
    """The dev score of the commonest answer, 0 where the task knows none."""
    key = {"side": "floor", "data": name, "method": "majority"}
    known = next((run for run in ledger.runs if key.items() <= run.items()), None)
    return float((known or ledger.add(key | commonest(study)))["dev"])


def commonest(study: Study) -> dict[str, Any]:
    """Scores of the commonest answer."""
    sizes = {split: len(examples) for split, examples in study.dataset.splits.items()}
    if study.context.task.gold in ("relevance", "spans"):
        return {"dev": 0.0, "test": None, "rows": sizes}
    *_, last = run_baseline(study.context, Job(name="majority", expression="majority", phase="baseline", recipe=None, seed=SEEDS[0]))
    assert isinstance(last, Finished)
    return told(last.record) | {"rows": sizes}


def run_ours(study: Study, also: Sequence[str] = ()) -> Run:
    """Through leantune's trial, other metrics beside it."""

    def run(candidate: Candidate, lr: float, phase: str, seed: int, steps: int) -> dict[str, Any]:
        record = trained(study, candidate, lr, phase, seed, steps)
        found = told(record)
        if record.scores.test is None:
            return found
        return found | {"also": scores(study, "test", read_predictions(study.run, record.digest, "test").predicted, also)}

    return run


def run_peer(study: Study, also: Sequence[str] = ()) -> Run:
    """As the examples of `transformers`."""

    def run(candidate: Candidate, lr: float, phase: str, seed: int, steps: int) -> dict[str, Any]:
        del candidate
        splits = ("dev", "test") if phase == "final" else ("dev",)
        answers, seconds = peer_tasks.run(study, lr=lr, seed=seed, steps=steps, batch=BATCH, splits=splits)
        metric = study.conditions.metric
        plain = {"dev": None, "test": None} | {split: scores(study, split, answers[split], [metric])[metric] for split in splits}
        status = "one_class" if study.context.task.collapsed(answers["dev"], study.dataset.labels) else "ok"
        found = plain | {"status": status, "seconds": seconds}
        return found | {"also": scores(study, "test", answers["test"], also)} if "test" in answers else found

    return run


def scores(study: Study, split: str, predicted: Answers, metrics: Sequence[str]) -> dict[str, float]:
    """Metrics of one split, by the scorer of the task."""
    task, labels, gold = study.context.task, study.dataset.labels, study.context.gold[split]
    return {name: task.tally(name, gold, predicted, labels).score() for name in metrics}


def measure(data: Path, work: Path, sets: Sequence[str], columns: Sequence[str], seeds: Sequence[int]) -> None:
    """All runs, the first seed of everything before the second, the first column of every set before the second."""
    ledger = Ledger(RESULTS)
    opened = {name: open_data(name, data, work / name) for name in sets}
    floors = {name: floor(ledger, study, name) for name, (study, _) in opened.items()}
    for seed in seeds:
        for column in columns:
            side, method = COLUMNS[column]
            for name, (study, candidates) in opened.items():
                key, steps = {"side": side, "data": name, "method": method}, SETS[name].steps
                run = (run_ours if side == "ours" else run_peer)(study, SETS[name].also)
                candidate = candidates[method]
                if side == "default":
                    rate = peer_tasks.DEFAULT_RATE
                else:
                    rate = tuned(ledger, run, candidate, key, floor=floors[name], steps=steps)
                if side == "peer":
                    ledger.once(run, candidate, key | {"phase": "final", "seed": SEEDS[0], "lr": candidate.planned_rates[-1]}, steps)
                    rate = finals(ledger.runs, key)[0]["lr"]
                ledger.once(run, candidate, key | {"phase": "final", "seed": seed, "lr": rate}, steps)


def tables(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A table for each group of sets: mean test score over seeds and its standard deviation in points, with the number of seeds."""
    for group in dict.fromkeys(one.group for one in SETS.values()):
        yield "| set | score | steps | rows of train, dev, test | commonest answer | " + " | ".join(f"`{name}`" for name in COLUMNS) + " |"
        yield "|---|---|---:|---:|---:|" + "---:|" * len(COLUMNS)
        yield from (line(runs, name) for name, one in SETS.items() if one.group == group)
        yield ""


def line(runs: Sequence[dict[str, Any]], name: str) -> str:
    """One set; fewer seeds than all are told."""
    low = [run for run in runs if (run["side"], run["data"]) == ("floor", name)]
    sizes = ", ".join(f"{low[0]['rows'][split]:,}" for split in FILES) if low else "-"
    cells = [SETS[name].metric, f"{SETS[name].steps}", sizes, cell([run for run in low if run["test"] is not None])]
    for side, method in COLUMNS.values():
        found = finals(runs, {"side": side, "data": name, "method": method})
        cells.append(cell(found) + (f" ({len(found)})" if 0 < len(found) < len(SEEDS) else ""))
    return " | ".join([f"| {name}", *cells]) + " |"


def main() -> None:
    """Measure, or print the table of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets, each with train, dev and test.jsonl")
    parser.add_argument("--work", type=Path, help="where studies are kept between runs; a temporary folder when not given")
    parser.add_argument("--sets", default=",".join(SETS), help="only these, so that two processes can share the work")
    parser.add_argument("--columns", default=",".join(COLUMNS))
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print("\n".join(tables(Ledger(RESULTS).runs)))
        return
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        sets, columns, seeds = (given.split(",") for given in (options.sets, options.columns, options.seeds))
        measure(options.data, options.work or Path(folder), sets, columns, [int(seed) for seed in seeds])


if __name__ == "__main__":
    main()
