"""`leantune train`: one recipe, no comparison."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from leantune.cli import _options as option
from leantune.cli._given import early_worker, refuse_missing_files, study_options


def command(
    context: typer.Context,
    file: option.File,
    method: Annotated[str, typer.Option(help='Method expression, for example "lora(rank=8, lr=1e-3)".')],
    model: option.Model = "minilm",
    dev: option.Dev = None,
    test: option.Test = None,
    unlabelled: option.Unlabelled = None,
    text: option.Text = None,
    text_pair: option.TextPair = None,
    label: option.Label = None,
    task: option.Task = None,
    budget: Annotated[str | None, typer.Option(help="10min or 300steps.", show_default="4 passes over the training rows")] = None,
    seed: Annotated[int, typer.Option(help="Of the head, the method's parameters and the row order.")] = 1,
    metric: option.Metric = None,
    pooling: option.Pooling = "auto",
    max_length: option.MaxLength = None,
    long: option.Long = "head",
    max_target_length: option.MaxTargetLength = None,
    beams: option.Beams = 1,
    length_penalty: option.LengthPenalty = 1.0,
    no_repeat_ngram: option.NoRepeat = 0,
    masking: option.Masking = "dynamic",
    prompt: option.Prompt = None,
    generator: option.Generator = None,
    labels: option.Labels = None,
    structure: option.Structure = None,
    batch: option.Batch = 32,
    dropout: option.Dropout = 0.0,
    optimizer: option.Optimizer = "adamw",
    schedule: option.Schedule = "linear",
    device: option.Device = "auto",
    precision: option.Precision = "auto",
    group_by_length: option.GroupByLength = True,
    in_parts: option.InParts = True,
    seen_embeddings: option.SeenEmbeddings = True,
    unpad: option.Unpad = None,
    recall: option.Recall = True,
    narrow: option.Narrow = True,
    checkpoint: option.Checkpoint = "1min",
    deterministic: option.Deterministic = False,
    micro_batch: option.MicroBatch = None,
    parallel: option.Parallel = None,
    split_seed: option.SplitSeed = 0,
    most_lost: option.MostLost = 0.05,
    out: Annotated[str | None, typer.Option(help="Run folder; the artifact is its best/.", show_default="runs/FILE-MODEL-train")] = None,
    json: option.Json = False,
    quiet: option.Quiet = False,
) -> None:
    """Train one method on a labelled file and write its artifact; on a file of tasks all of them together, an artifact each."""
    worker = early_worker(context)  # first of all
    from leantune.app.expressions import read_methods
    from leantune.app.mix_file import is_mix, refuse_for_all, refuse_for_one
    from leantune.app.structure import on_structure

    options = study_options(locals())
    read_methods(on_structure([method], structure))  # a typo is told before anything is read or loaded
    if mixing := is_mix(file):
        refuse_for_all(dev=dev, test=test)
        refuse_for_one(unlabelled=unlabelled, structure=structure, parallel=options.conduct.parallel)
    refuse_missing_files(locals())
    from leantune.app.mixture import open_mixture_file
    from leantune.app.mixture_train import run_mixture_training
    from leantune.app.ship import BEST
    from leantune.app.study import Sources, default_run, open_study
    from leantune.app.train import run_training
    from leantune.cli._train import show
    from leantune.data.test_sets import named_tests

    style = {"plain": not sys.stdout.isatty(), "quiet": quiet, "json": json}
    sources = Sources(file, dev, named_tests(test), unlabelled)
    usual = default_run(sources, model)
    run = Path(out) if out else usual.with_name(f"{usual.name}-train")
    with worker:
        if mixing:
            together = partial(run_mixture_training, method=method, artifacts=run / BEST, seed=seed, worker=worker)
            code = show(partial(open_mixture_file, file, run, options), together, **style)
        else:
            training = partial(run_training, method=method, artifact=run / BEST, seed=seed, worker=worker)
            code = show(partial(open_study, sources, run, options), training, **style)
    raise typer.Exit(code)
