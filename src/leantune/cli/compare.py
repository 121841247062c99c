"""`leantune compare`: the main job."""

from __future__ import annotations

import shlex
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
    model: option.Model = "minilm",
    dev: option.Dev = None,
    test: option.Test = None,
    unlabelled: option.Unlabelled = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help='Method expressions, for example "full,head,lora(rank=4)" (see: leantune methods).', show_default="one of each kind"
        ),
    ] = None,
    text: option.Text = None,
    text_pair: option.TextPair = None,
    label: option.Label = None,
    task: option.Task = None,
    seeds: Annotated[int | None, typer.Option(help="Full-length trials per method.", show_default="3; 5 with --few-shot")] = None,
    few_shot: Annotated[
        int | None,
        typer.Option(
            metavar="K", help="Train on K rows of each label, others for each seed (0: on none); without --dev nothing is chosen on dev."
        ),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="30min for all, or 300steps for each trial.", show_default="20min")] = None,
    margin: Annotated[float, typer.Option(help="Points that a method may lose and still be as good as full fine-tuning.")] = 1.0,
    metric: option.Metric = None,
    max_trainable: Annotated[str | None, typer.Option(help="Limit on trained parameters, for example 500k.")] = None,
    max_memory: Annotated[str | None, typer.Option(help="Limit on peak memory in training, for example 2GB.")] = None,
    max_latency: Annotated[float | None, typer.Option(help="Limit on milliseconds for one row.")] = None,
    max_size: Annotated[str | None, typer.Option(help="Limit on stored bytes, for example 5MB.")] = None,
    max_model: Annotated[str | None, typer.Option(help="Limit on the bytes of the whole model, for example 30MB.")] = None,
    prefer: Annotated[
        str,
        typer.Option(
            help="Cost that decides among methods that are as good: storage (the task's own files), speed (one row) or size (whole model)."
        ),
    ] = "storage",
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
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Run every seed, also of methods that cannot win any more.")] = False,
    out: option.Out = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="CLUSTER", help="Run trials on a cluster: ray (the processors here), or ray://HOST:PORT.", show_default="here"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after the plan.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Measure and tell what each speed-up saves, before training.")] = False,
    json: option.Json = False,
    quiet: option.Quiet = False,
) -> None:
    """Compare tuning methods on a labelled file and ship the cheapest one that is as good as full fine-tuning."""
    worker = None if on else early_worker(context)  # first of all
    from leantune.app.expressions import read_methods
    from leantune.app.mix_file import is_mix, refuse_for_all, refuse_for_one
    from leantune.app.structure import on_structure
    from leantune.core.expressions import split_list

    options = study_options(locals(), limits=_limits(max_trainable, max_memory, max_latency, max_size, max_model))
    if (wanted := None if methods is None else split_list(methods)) is not None:
        read_methods(on_structure(wanted, structure))  # a typo is told before anything is read or loaded
    if mixing := is_mix(file):
        refuse_for_all(dev=dev, test=test)
        refuse_for_one(unlabelled=unlabelled, structure=structure, verbose=verbose, on=on, parallel=options.conduct.parallel)
    refuse_missing_files(locals())
    from leantune.app.mixture import open_mixture_file
    from leantune.app.study import Sources, default_run, open_study
    from leantune.cli._compare import show
    from leantune.cli._mixture import show_mixture
    from leantune.data.test_sets import named_tests
    from leantune.execution.cluster import Cluster

    again, style = shlex.join(["leantune", *sys.argv[1:]]), _style(json=json, quiet=quiet)
    with worker or Cluster.joined(on or "", options.conduct.parallel) as hands:
        if mixing:
            mixed = partial(open_mixture_file, file, Path(out) if out else None, options)
            code = show_mixture(mixed, wanted, hands, command=again, dry_run=dry_run, style=style)
        else:
            sources = Sources(file, dev, named_tests(test), unlabelled)
            opened = partial(open_study, sources, Path(out) if out else default_run(sources, model), options)
            code = show(opened, wanted, hands, command=again, dry_run=dry_run, verbose=verbose, style=style)
    raise typer.Exit(code)


def _limits(
    trainable: str | None, memory: str | None, latency: float | None, size: str | None, model: str | None
) -> dict[str, float | None]:
    """What the user can afford, as numbers."""
    from leantune.core.quantity import parse_count, parse_size

    return {
        "max_trainable": parse_count(trainable, "--max-trainable"),
        "max_memory": parse_size(memory, "--max-memory"),
        "max_latency": latency,
        "max_size": parse_size(size, "--max-size"),
        "max_model": parse_size(model, "--max-model"),
    }


def _style(*, json: bool, quiet: bool) -> str:
    return "json" if json else "quiet" if quiet else "live" if sys.stdout.isatty() else "lines"
