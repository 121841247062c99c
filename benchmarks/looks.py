"""What a look at dev takes where what never changes and what nobody reads is not computed, against looks that compute everything.

    python -m benchmarks.looks --data FOLDER --methods "last_layers(2),last_layers(1)" --rounds 3     # and --model base

The folder has train and dev.jsonl. The one pass that computes what looks read back is not measured; ways take turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.speed import MADE, made, summary
from leantune.app.candidates import field_in
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Sources, Study, open_study
from leantune.core.expressions import split_list
from leantune.execution.attach import attach, setup_of
from leantune.execution.course import Setup


def measure(study: Study, expression: str, rounds: int) -> str:
    """A row of the table."""
    (candidate,) = field_in(study, read_methods([expression])).candidates
    job = candidate.job(candidate.rates.start, phase="final", seed=1, steps=8, looks=1)
    attached = attach(study.context, job)
    whole = replace(study.context, conditions=study.conditions.model_copy(update={"recall": False, "narrow": False}))
    ways = [setup_of(context, job, attached) for context in (whole, study.context)]
    answers = [way.look().predicted for way in ways]
    taken = [[_seconds(way) for way in ways] for _ in range(rounds)]
    same = sum(str(one) == str(other) for one, other in zip(*answers, strict=True))
    ratios = summary([long / short for long, short in taken])
    return f"| `{expression}` | {taken[0][0]:.2f} | {taken[0][1]:.2f} | {ratios} | {same:,} of {len(answers[0]):,} |"


def _seconds(setup: Setup) -> float:
    start = time.perf_counter()
    setup.look()
    return time.perf_counter() - start


def lines(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    """The table."""
    yield "| method | whole, s | as it is, s | times as fast | same answers |"
    yield "|---|---:|---:|---|---|"
    sources = Sources(*(str(options.data / f"{split}.jsonl") for split in ("train", "dev")))
    model = made(MADE[options.model], folder / "base") if options.model in MADE else options.model
    study = open_study(sources, folder / "run", Options.of(model=model))
    for expression in split_list(options.methods):
        yield measure(study, expression, options.rounds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--methods", default="last_layers(2),last_layers(1),lora(layers=[-2, -1])")
    parser.add_argument("--model", default="minilm", help="base: a BERT of 110 M random parameters")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(options, Path(folder)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
