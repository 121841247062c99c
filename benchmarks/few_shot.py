"""Few labelled rows on a sentence encoder: label words, computed heads, tuning, and SetFit beside them, on the same rows and base.

    python -m benchmarks.few_shot --data FOLDER --columns zero,prototypes,anchored,logistic,averaged,head   # the base is run once
    python -m benchmarks.few_shot --data FOLDER --columns full,contrast,setfit --k 8 --seeds 13,21
    python -m benchmarks.few_shot --table

K rows of each label are drawn from train by the seeds 13, 21, 42, 87 and 100; the test rows are the same for all. Nothing is chosen on dev
or test: rates are those of the cards, tuning takes 100 steps of 16 rows (250 with K = 64), SetFit has its defaults (one epoch over its
pairs) and the same products. The words of the labels (`WORDS`) were written down before any test score was seen.
`results/few_shot.jsonl` has every run, and runs that are there are not repeated.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.measured import Ledger, told
from benchmarks.rows import drawn, read_rows, write_rows
from leantune.app.candidates import Candidate, field_in
from leantune.app.expressions import read_methods
from leantune.app.options import FEW_SHOT_SEEDS, Options
from leantune.app.study import Sources, Study, open_study
from leantune.core.events import Finished
from leantune.data.few_shot import few_shot
from leantune.execution.trial import run_trial

RESULTS = Path(__file__).parent / "results" / "few_shot.jsonl"
TEST_ROWS, DEV_ROWS = 600, 40
BATCH = 16
LENGTH = 128
SIZES = (4, 8, 16, 64)
WORDS = {
    "sst2": "negative=terrible|awful|bad|boring|a waste of time, positive=great|wonderful|good|fun|brilliant",
    "cr": "negative=terrible|bad|poor quality|disappointing|does not work, positive=great|good|excellent|easy to use|works well",
    "subj": "objective=plot|story|events|facts, subjective=opinion|review|judgement",
    "trec": "ABBR=abbreviation|acronym, DESC=description|definition|reason|explanation, ENTY=thing|animal|product|food,"
    " HUM=person|name of a person|group, LOC=place|city|country, NUM=number|date|amount|count",
    "sms_spam": "ham=personal message|chat with a friend, spam=spam|advertisement|prize|offer",
    "ag_news": "Business=business|economy|finance|stocks|companies, Sci/Tech=science|technology|computers|software|space,"
    " Sports=sports|game|team|football|player, World=world|politics|war|government|international",
    "banking77": "",
}
"""None: the names of the labels."""
COLUMNS = {
    "zero": "anchors(words=given) | frozen",
    "prototypes": "prototypes",
    "anchored": "anchors | prototypes",
    "logistic": "anchors | logistic",
    "averaged": "anchors | averaged",
    "head": "head",
    "full": "full",
    "lora": "lora",
    "contrast": "anchors(loss=contrast) | lora",
    "setfit": "SetFit",
}


def open_set(name: str, data: Path, folder: Path, size: int) -> Study:
    """The study of a set with so many rows of each label."""
    folder.mkdir(parents=True, exist_ok=True)
    most = {"train": 10**9, "dev": DEV_ROWS, "test": TEST_ROWS}
    for split, rows in most.items():
        write_rows(folder / f"{split}.jsonl", drawn(read_rows(data / name / f"{split}.jsonl"), rows), ("text", "label"))
    options = Options.of(model="minilm", batch=BATCH, task="classification", max_length=LENGTH, few_shot=size, labels=WORDS[name] or None)
    paths = [str(folder / f"{split}.jsonl") for split in most]
    return open_study(Sources(*paths), folder / f"k{size}", options)


def steps_of(study: Study) -> int:
    """Of tuning, for the number of rows of a label."""
    return 100 if (study.options.few_shot or 0) < 64 else 250


def ours(study: Study, candidate: Candidate, seed: int) -> dict[str, Any]:
    """One trial at the usual rate of its card."""
    job = candidate.job(candidate.rates.start, phase="final", seed=seed, steps=steps_of(study), looks=1, measure=False)
    *_, last = run_trial(study.context.of(job), job)
    assert isinstance(last, Finished)
    return told(last.record) | {"notes": last.record.notes}


def setfit(study: Study, seed: int) -> dict[str, Any]:
    """The same rows through SetFit as its page shows it."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    few = few_shot(study.dataset, study.options.few_shot or 0, seed)
    train, test = few.splits["train"], few.splits["test"]
    rows = [(text, int(label)) for (text, _), label in zip(train.take(range(len(train))), train.gold, strict=True)]
    model = SetFitModel.from_pretrained(study.base.location.source, local_files_only=True)
    arguments = TrainingArguments(batch_size=BATCH, num_epochs=1, seed=seed, report_to="none", show_progress_bar=False, save_strategy="no")
    trainer = Trainer(
        model=model, args=arguments, train_dataset=Dataset.from_dict({"text": [t for t, _ in rows], "label": [y for _, y in rows]})
    )
    start = time.perf_counter()
    trainer.train()  # in float32: under autocast it takes 1.6 times as long
    seconds = time.perf_counter() - start
    found = model.predict([text for text, _ in test.take(range(len(test)))])
    right = [int(one) == int(gold) for one, gold in zip(found, test.gold, strict=True)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"dev": None, "test": sum(right) / len(right), "status": "ok", "seconds": seconds, "memory": memory}


def measure(data: Path, work: Path, sets: Sequence[str], columns: Sequence[str], sizes: Sequence[int], seeds: Sequence[int]) -> None:
    """All runs, one seed of everything before the next."""
    ledger = Ledger(RESULTS)
    for seed in seeds:
        for name in sets:
            for size in sizes:
                missing = [column for column in columns if not _known(ledger, name, column, size, seed)]
                if missing:
                    _measure(ledger, open_set(name, data, work / name, size), missing, {"data": name, "k": size, "seed": seed})


def _known(ledger: Ledger, name: str, column: str, size: int, seed: int) -> bool:
    key = {"data": name, "column": column, "k": size, "seed": seed}
    return any(key.items() <= run.items() for run in ledger.runs)


def _measure(ledger: Ledger, study: Study, columns: Sequence[str], key: dict[str, Any]) -> None:
    own = [COLUMNS[column] for column in columns if column != "setfit"]
    candidates = {candidate.name: candidate for candidate in field_in(study, read_methods(own)).candidates} if own else {}
    for column in columns:
        found = setfit(study, key["seed"]) if column == "setfit" else ours(study, candidates[COLUMNS[column]], key["seed"])
        ledger.add(key | {"column": column} | found)


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Mean test accuracy over seeds and its standard deviation in points, with the number of seeds where it is fewer than five."""
    yield "| set | K | " + " | ".join(f"`{COLUMNS[column].replace('|', chr(92) + '|')}`" for column in COLUMNS) + " |"
    yield "|---|---:|" + "---:|" * len(COLUMNS)
    for name in WORDS:
        for size in SIZES:
            cells = [cell([run for run in runs if (run["data"], run["k"], run["column"]) == (name, size, column)]) for column in COLUMNS]
            if any(one != "-" for one in cells):
                yield f"| {name} | {size} | " + " | ".join(cells) + " |"


def cell(found: Sequence[dict[str, Any]]) -> str:
    """One cell."""
    scores = [100 * run["test"] for run in found if run["test"] is not None]
    if not scores:
        return "fails" if found else "-"
    spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    return f"{statistics.mean(scores):.1f}{spread}" + (f" ({len(scores)})" if len(scores) < len(FEW_SHOT_SEEDS) else "")


def main() -> None:
    """Measure, or print the table of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets, each with train, dev and test.jsonl")
    parser.add_argument("--work", type=Path, help="where studies are kept between runs; a temporary folder when not given")
    parser.add_argument("--sets", default=",".join(WORDS))
    parser.add_argument("--columns", default=",".join(COLUMNS))
    parser.add_argument("--k", default=",".join(map(str, SIZES)))
    parser.add_argument("--seeds", default=",".join(map(str, FEW_SHOT_SEEDS)))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print("\n".join(table(Ledger(RESULTS).runs)))
        return
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        sizes, seeds = ([int(one) for one in given.split(",")] for given in (options.k, options.seeds))
        measure(options.data, options.work or Path(folder), options.sets.split(","), options.columns.split(","), sizes, seeds)


if __name__ == "__main__":
    main()
