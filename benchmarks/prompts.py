"""Prompts on a small masked language model: zero-shot, tuned, soft tokens, ensembles of templates, beside head tuning of the same base.

    python -m benchmarks.prompts --data FOLDER --base FOLDER_OF_THE_MODEL
    python -m benchmarks.prompts --table

K rows of each label are drawn from train by the seeds 13, 21, 42, 87 and 100; the test rows are the same for all. Nothing is chosen on dev
or test: rates are those of the cards, every training has 150 steps of 16 rows. Templates and words (`PROMPTS`) were written down before
any test score was seen. `results/prompts.jsonl` has every run, and runs that are there are not repeated.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.few_shot import DEV_ROWS, cell
from benchmarks.measured import Ledger, told
from benchmarks.rows import drawn, read_rows, write_rows
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.app.options import FEW_SHOT_SEEDS, Options
from leantune.app.study import Sources, Study, open_study
from leantune.core.events import Finished
from leantune.execution.trial import run_trial

RESULTS = Path(__file__).parent / "results" / "prompts.jsonl"
TEST_ROWS, STEPS, BATCH, LENGTH, SIZE = 400, 150, 16, 128, 16
PROMPTS = {
    "sst2": ("{text} It was {mask}.", "negative=terrible|bad|boring|awful, positive=great|good|wonderful|fun"),
    "cr": ("{text} It was {mask}.", "negative=terrible|bad|poor, positive=great|good|excellent"),
    "subj": ("{text} This is {mask}.", "objective=fact|story, subjective=opinion|review"),
    "trec": ("{mask}: {text}", "ABBR=abbreviation, DESC=description, ENTY=thing, HUM=person, LOC=place, NUM=number"),
    "ag_news": ("{mask} news: {text}", "Business=business|economy, Sci/Tech=science|technology, Sports=sports, World=world|politics"),
}
"""Template and words of each set."""
MORE = {
    "sst2": ("{text} All in all, it was {mask}.", "{text} What a {mask} movie."),
    "cr": ("{text} All in all, it was {mask}.", "{text} What a {mask} product."),
    "subj": ("{text} All in all, this is {mask}.", "{text} This is a {mask}."),
    "trec": ("{text} The answer is a {mask}.", "{text} It asks for a {mask}."),
    "ag_news": ("{text} This is about {mask}.", "{text} Topic: {mask}."),
}
"""Two templates more for the ensemble."""
COLUMNS = {
    "zero": ("cloze | frozen", ""),
    "calibrated": ("cloze(calibrate=true) | frozen", ""),
    "head": ("head", ""),
    "full": ("full", ""),
    "cloze_full": ("cloze | full", ""),
    "cloze_lora": ("cloze | lora", ""),
    "soft": ("cloze | frozen", "{soft:10} "),
    "ensemble": ("cloze(template=all) | lora", ""),
}
"""Expression, and what stands before the template."""
TITLES = {
    "zero": "zero-shot",
    "calibrated": "the same, calibrated",
    "head": "`head`",
    "full": "`full`",
    "cloze_full": "`cloze \\| full`",
    "cloze_lora": "`cloze \\| lora`",
    "soft": "10 soft tokens alone",
    "ensemble": "three templates, `lora`",
}


def open_set(name: str, column: str, data: Path, base: str, folder: Path) -> Study:
    """The study of a set behind the prompt of a column."""
    folder.mkdir(parents=True, exist_ok=True)
    most = {"train": 10**9, "dev": DEV_ROWS, "test": TEST_ROWS}
    for split, rows in most.items():
        write_rows(folder / f"{split}.jsonl", drawn(read_rows(data / name / f"{split}.jsonl"), rows), ("text", "label"))
    (template, words), before = PROMPTS[name], COLUMNS[column][1]
    templates = (before + template, *(MORE[name] if column == "ensemble" else ()))
    values: dict[str, Any] = {"model": base, "batch": BATCH, "task": "classification", "max_length": LENGTH, "few_shot": SIZE}
    options = Options.of(prompt=templates, labels=words, **values)
    paths = [str(folder / f"{split}.jsonl") for split in most]
    return open_study(Sources(*paths), folder / column, options)


def run(study: Study, column: str, seed: int) -> dict[str, Any]:
    """One trial at the usual rate of its card."""
    (candidate,) = field_in(study, read_methods([COLUMNS[column][0]])).candidates
    job = candidate.job(candidate.rates.start, phase="final", seed=seed, steps=STEPS, looks=1, measure=False)
    *_, last = run_trial(study.context.of(job), job)
    assert isinstance(last, Finished)
    return told(last.record)


def measure(data: Path, base: str, work: Path, sets: Sequence[str], columns: Sequence[str], seeds: Sequence[int]) -> None:
    """All runs, one seed of everything before the next."""
    ledger = Ledger(RESULTS)
    for seed in seeds:
        for name in sets:
            for column in columns:
                key = {"data": name, "column": column, "seed": seed}
                if not any(key.items() <= known.items() for known in ledger.runs):
                    ledger.add(key | run(open_set(name, column, data, base, work / name), column, seed))


def table(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Mean test accuracy over seeds and its standard deviation in points, with the number of seeds where it is fewer than five."""
    yield "| set | " + " | ".join(TITLES.values()) + " |"
    yield "|---|" + "---:|" * len(TITLES)
    for name in PROMPTS:
        cells = [cell([one for one in runs if (one["data"], one["column"]) == (name, column)]) for column in COLUMNS]
        yield f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, or print the table of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets, each with train, dev and test.jsonl")
    parser.add_argument("--base", help="a masked language model")
    parser.add_argument("--work", type=Path, help="where studies are kept between runs; a temporary folder when not given")
    parser.add_argument("--sets", default=",".join(PROMPTS))
    parser.add_argument("--columns", default=",".join(COLUMNS))
    parser.add_argument("--seeds", default=",".join(map(str, FEW_SHOT_SEEDS)))
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print("\n".join(table(Ledger(RESULTS).runs)))
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        seeds = [int(one) for one in options.seeds.split(",")]
        measure(options.data, options.base, options.work or Path(folder), options.sets.split(","), options.columns.split(","), seeds)


if __name__ == "__main__":
    main()
