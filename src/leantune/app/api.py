"""The Python surface: what `import leantune as lt` offers.

study  = lt.study("tickets.csv", model="minilm", budget="10min")
result = lt.compare(study, methods=["full", "head", "lora(rank=4)"])
print(result.choice.reason)
result.report("report.html")
result.choice.save("out/")
lt.load("out/").predict(["my card was declined"])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, overload

from leantune.app.compare import run_comparison
from leantune.app.mix_file import mix_of, refuse_for_one
from leantune.app.mixture import MixedStudy, open_mixture
from leantune.app.mixture_compare import run_mixture_comparison
from leantune.app.mixture_train import run_mixture_training
from leantune.app.new_base import NewBase, make_base
from leantune.app.options import Options
from leantune.app.preview import Preview, preview_of
from leantune.app.progress import Done, MixturePreflight, Planned, PlannedAll, Preflight, Progress, Shared, Tried
from leantune.app.results import Choice, MixtureResult, Result
from leantune.app.ship import BEST
from leantune.app.study import Sources, Study, default_run, open_study
from leantune.app.train import run_training
from leantune.artifact.ensemble import opened as load
from leantune.artifact.ensembling import Ensembled
from leantune.artifact.ensembling import ensemble as put_together
from leantune.artifact.export import export
from leantune.artifact.files import Scored, evaluate_file
from leantune.artifact.merging import Merged, Mix
from leantune.artifact.merging import merge as merge_artifacts
from leantune.artifact.predictor import Predictor
from leantune.core.errors import SpecError
from leantune.core.expressions import split_list
from leantune.core.quantity import parse_count, parse_size
from leantune.core.records import CheckReport, TrialRecord
from leantune.core.study import Limits
from leantune.data.check import check as check_data
from leantune.execution.cluster import Cluster
from leantune.models.new_base import Shape

Listener = Callable[[Progress], None]
_QUANTITIES = {"max_trainable": parse_count, "max_memory": parse_size, "max_size": parse_size}
"""Limits that may be written as texts."""


@overload
def study(  # type: ignore[overload-overlap]
    data: dict[str, Any],
    *,
    temperature: float | None = None,
    out: str | Path | None = None,
    quiet: bool = False,
    **options: Any,
) -> MixedStudy: ...


@overload
def study(
    data: Any,
    *,
    dev: Any = None,
    test: Any = None,
    unlabelled: Any = None,
    out: str | Path | None = None,
    quiet: bool = False,
    **options: Any,
) -> Study: ...


def study(
    data: Any,
    *,
    dev: Any = None,
    test: Any = None,
    unlabelled: Any = None,
    temperature: float | None = None,
    out: str | Path | None = None,
    quiet: bool = False,
    **options: Any,
) -> Study | MixedStudy:
    """Open a study: read the data, infer columns and task (each told in one line), open the base model.

    Args:
        data: a path (CSV, TSV, JSON, JSONL, Parquet, saved folder), a hub name, a pandas frame, a `datasets` object or a list of dicts.
            A plain dictionary is several tasks by name, each any of these, or {"file": ..., "dev": ..., "test": ..., "task": ..., "text":
            ..., "label": ..., "metric": ...}: one base and one shared adaptation for all, beside training each alone.
        dev: rows to choose on; cut from `data` when not given.
        test: rows to report on; cut from `data` when not given. A dictionary of such, {"en": ..., "de": ...}, is several test sets:
            the first is the main one, by which everything goes, the others are reported beside it.
        unlabelled: rows without labels, in any of these forms, which a teacher judges (`consensus | lora`).
        temperature: of several tasks: each is trained in proportion to rows ** temperature; 0.5 when not given.
        out: the run folder; runs/<data>-<model> when not given.
        quiet: do not print the inferences.
        options: fields of `leantune.app.options.Options`, such as model, text, text_pair, label, metric, seeds, margin, budget,
            pooling, max_length, batch, device, precision; limits as max_trainable, max_memory, max_latency, max_size (numbers, or
            "500k", "2GB").

    Raises:
        LeantuneError: what is wrong with data, model or options, and how to mend it.
    """
    limits = {name: options.pop(name) for name in list(options) if name in Limits.model_fields}
    limits |= {name: read(limits[name], name) for name, read in _QUANTITIES.items() if isinstance(limits.get(name), str)}
    chosen = Options.of(**options, **({"limits": limits} if limits else {}))
    opened = _open(data, Sources(data, dev, test, unlabelled), temperature, Path(out) if out else None, chosen)
    for line in () if quiet else opened.inferences:
        print(f"· {line}")  # noqa: T201
    return opened


def _open(data: Any, sources: Sources, temperature: float | None, run: Path | None, options: Options) -> Study | MixedStudy:
    if type(data) is dict:
        if sources.dev is not None or sources.test is not None:
            raise SpecError('dev and test are of one task. Give {"name": {"file": ..., "dev": ..., "test": ...}}.', "E-OPTION")
        refuse_for_one(unlabelled=sources.unlabelled is not None, structure=options.structure, parallel=options.conduct.parallel)
        mix = mix_of(data, temperature)
        return open_mixture(mix, run or default_run(Sources(f"{mix.name}.dict"), options.model), options)
    if temperature is not None:
        raise SpecError('temperature is for several tasks. Give a dictionary: {"name": rows, "other": rows}.', "E-OPTION")
    return open_study(sources, run or default_run(sources, options.model), options)


@overload
def plan(opened: MixedStudy, methods: str | Sequence[str] | None = None, *, verbose: bool = False) -> MixturePreflight: ...


@overload
def plan(opened: Study, methods: str | Sequence[str] | None = None, *, verbose: bool = False) -> Preflight: ...


def plan(opened: Study | MixedStudy, methods: str | Sequence[str] | None = None, *, verbose: bool = False) -> Preflight | MixturePreflight:
    """What a comparison would take: parameters, minutes and memory of every method, measured by a short probe; nothing is trained.

    Args:
        opened: what `study` gave.
        methods: method expressions, a list or one text with commas; one of each kind when not given.
        verbose: measure what each speed-up saves in a step of every method too (`.accounts`); of one task alone.
    """
    chosen = None if methods is None else _listed(methods)
    if isinstance(opened, MixedStudy):
        refuse_for_one(verbose=verbose)
        running = run_mixture_comparison(opened, opened.default_methods if chosen is None else chosen, command="", dry_run=True)
    else:
        running = run_comparison(opened, chosen, command="", dry_run=True, verbose=verbose)
    *_, last = running
    if isinstance(last, Planned | PlannedAll):
        return last.preflight
    raise AssertionError("a dry run ends with its plan")


@overload
def compare(
    opened: MixedStudy, methods: str | Sequence[str] | None = None, *, listen: Listener | None = None, on: None = None
) -> MixtureResult: ...


@overload
def compare(
    opened: Study, methods: str | Sequence[str] | None = None, *, listen: Listener | None = None, on: str | None = None
) -> Result: ...


def compare(
    opened: Study | MixedStudy, methods: str | Sequence[str] | None = None, *, listen: Listener | None = None, on: str | None = None
) -> Result | MixtureResult:
    """Run the comparison of a study, or go on with it; finished trials are kept.

    Args:
        opened: what `study` gave.
        methods: method expressions, a list or one text with commas; one of each kind when not given.
        listen: called with every progress.
        on: a cluster that carries out the trials, `ray`, `ray:N` or `ray://HOST:PORT` (`execution.cluster`); of one task alone.
    """
    chosen = None if methods is None else _listed(methods)
    if isinstance(opened, MixedStudy):
        refuse_for_one(on=on)
        return _compare_mixture(opened, list(opened.default_methods) if chosen is None else chosen, listen)
    with Cluster.joined(on, opened.options.conduct.parallel) if on else nullcontext() as hands:
        for progress in run_comparison(opened, chosen, command=_again(opened, chosen), hands=hands):
            if listen is not None:
                listen(progress)
            if isinstance(progress, Done):
                return Result(progress.comparison, opened.run)
    raise AssertionError("a comparison ends with Done")


def _compare_mixture(opened: MixedStudy, methods: list[str], listen: Listener | None) -> MixtureResult:
    command = f"lt.compare(lt.study({{...}}, model={opened.options.model!r}, out={str(opened.run)!r}), methods={methods!r})"
    for progress in run_mixture_comparison(opened, methods, command=command):
        if listen is not None:
            listen(progress)
        if isinstance(progress, Shared):
            return MixtureResult(progress.sharing, opened.run)
    raise AssertionError("the comparison of a mixture ends with Shared")


def _one(opened: Study | MixedStudy) -> Study:
    if isinstance(opened, MixedStudy):
        name = next(iter(opened.studies))
        raise SpecError(f'This is of one task. Give one of the mixture, for example .studies["{name}"].', "E-OPTION")
    return opened


def _listed(methods: str | Sequence[str]) -> list[str]:
    return split_list(methods) if isinstance(methods, str) else list(methods)


def _again(opened: Study, methods: Sequence[str] | None) -> str:
    """How to run a comparison again from Python."""
    sources = {"": opened.sources.train, "dev=": opened.sources.dev, "test=": opened.sources.test, "unlabelled=": opened.sources.unlabelled}
    given = [f"{name}{_shown(value)}" for name, value in sources.items() if value is not None]
    options = opened.options.model_dump(exclude_defaults=True)
    options |= {name: value for name, value in options.pop("limits", {}).items() if value is not None}
    given += [f"{name}={value!r}" for name, value in {"model": opened.options.model, **options, "out": str(opened.run)}.items()]
    return f"lt.compare(lt.study({', '.join(given)}){'' if methods is None else f', methods={list(methods)!r}'})"


def _shown(value: Any) -> str:
    """A source as it was given; what is no file is left to the reader."""
    if type(value) is dict:
        return "{" + ", ".join(f"{name!r}: {_shown(rows)}" for name, rows in value.items()) + "}"
    return repr(str(value)) if isinstance(value, str | Path) else "..."


def train(
    opened: Study | MixedStudy, method: str, out: str | Path | None = None, *, seed: int = 1, listen: Listener | None = None
) -> TrialRecord:
    """Train one method without a comparison; its artifact is written to `out`, or to best/ in the run folder, of several tasks one each."""
    record, folder = None, Path(out) if out else opened.run / BEST
    if isinstance(opened, MixedStudy):
        training = run_mixture_training(opened, method, folder, seed=seed)
    else:
        training = run_training(opened, method, folder, seed=seed)
    for progress in training:
        if listen is not None:
            listen(progress)
        if isinstance(progress, Tried):
            record = progress.record
    assert record is not None
    return record


def score(artifact: str | Path, file: str | Path, **columns: str) -> Scored:
    """Score an artifact on a labelled file: every metric, and precision, recall and F1 of each label.

    Args:
        artifact: the folder.
        file: CSV, TSV, JSON, JSON Lines, Parquet, a saved folder or a hub name.
        columns: text, text_pair and label where they have other names than in training.
    """
    return evaluate_file(load(artifact), str(file), **columns)


def init(
    folder: str | Path,
    data: Any,
    kind: str,
    *,
    vocab: int = 8_000,
    columns: Sequence[str] = (),
    **shape: int,
) -> NewBase:
    """Make a base model from a random start: a tokenizer learned from texts, and weights that know nothing yet.

    Args:
        folder: where it goes; `model=` takes it afterwards.
        data: one source of texts or a list of paths, as `study` takes them.
        kind: encoder-decoder, decoder or masked.
        vocab: tokens of the vocabulary.
        columns: that hold the texts; all with texts of several words when none is named.
        shape: layers, hidden, heads, max_length and seed.

    Raises:
        LeantuneError: what is wrong with folder, texts or numbers, and how to mend it.
    """
    several = isinstance(data, list | tuple) and all(isinstance(source, str | Path) for source in data)
    return make_base(Path(folder), data if several else [data], Shape.build("init", {"kind": kind, **shape}), vocab=vocab, columns=columns)


def preview(opened: Study, method: str, *, rows: int = 3) -> Preview:
    """A prompt before any training: rows as the base reads them, tokens of the label words, how many rows are cut, zero-shot answers.

    Args:
        opened: what `study` gave.
        method: a prompt, or a method behind one; the base itself answers, whatever the method.
        rows: training rows that are shown, of each label in turn.
    """
    return preview_of(_one(opened), method, rows=rows)


def check(opened: Study) -> CheckReport:
    """The data check of a study."""
    opened = _one(opened)
    return check_data(opened.dataset, opened.ruler)


def merge(
    artifacts: Sequence[str | Path],
    out: str | Path,
    *,
    how: str = "soup",
    dev: str | None = None,
    weights: Sequence[float] | None = None,
    density: float = 0.5,
    seed: int = 0,
    margin: float = 1.0,
) -> Merged:
    """Several artifacts of one task on one base become one, which is an artifact again.

    Args:
        artifacts: their folders.
        out: the new folder.
        how: soup, greedy, arithmetic, ties or dare.
        dev: labelled rows; a merge that is clearly worse on them than its best ingredient is not written.
        weights: of each artifact; equal ones when not given.
        density: share of the differences from the base that ties and dare keep.
        seed: of what dare drops.
        margin: points that the merge may lose.
    """
    return merge_artifacts(artifacts, out, Mix(how, weights, density, seed, margin), dev)


def ensemble(artifacts: Sequence[str | Path], out: str | Path, *, dev: str | None = None) -> Ensembled:
    """Several artifacts of one task, of whatever bases, become one that predicts the mean of their probabilities.

    Args:
        artifacts: their folders.
        out: the new folder, which holds copies of them.
        dev: labelled rows that their weights are found on; equal ones when not given.

    Raises:
        LeantuneError: what does not go together, and how to mend it.
    """
    return put_together(artifacts, out, dev)


__all__ = [
    "Choice",
    "Predictor",
    "Preflight",
    "Result",
    "check",
    "compare",
    "ensemble",
    "export",
    "init",
    "load",
    "merge",
    "plan",
    "preview",
    "score",
    "study",
    "train",
]
