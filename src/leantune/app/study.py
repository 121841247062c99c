"""Opening a study: data prepared, base model opened, conditions fixed, everything in one run folder.

study = open_study("tickets.csv", Path("runs/tickets-minilm"), Options(model="minilm"))
for line in study.inferences: print(line)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from leantune.app.generator import open_generator
from leantune.app.long_texts import long_of
from leantune.app.options import Options
from leantune.app.ruler import room_of, ruler_of
from leantune.app.targets import SHARE
from leantune.app.usual_methods import Asked, few_shot_methods, usual_methods
from leantune.app.wording import wording_of
from leantune.comparison.plan import FEW_SHOT_STEPS, FEWEST_STEPS, Rows
from leantune.core import catalogue
from leantune.core.budget import parse_budget
from leantune.core.errors import ArtifactError, some, unknown_name
from leantune.core.files import write_atomic
from leantune.core.recipe import Generator
from leantune.core.study import Conditions, StudySpec
from leantune.data.dataset import Dataset, is_prepared, load, prepare
from leantune.data.few_shot import FEWEST, refuse_more_than_there_are
from leantune.data.lengths import Ruler
from leantune.data.manifest import read_manifest
from leantune.data.pieces._pieces import Room
from leantune.data.unlabelled_rows import Unlabelled, keep_unlabelled
from leantune.execution.context import Context
from leantune.execution.device import pick_device, refuse_more_than_devices
from leantune.execution.lock import locked
from leantune.execution.optimizers import check_names
from leantune.execution.precision import pick_precision
from leantune.execution.upkeep import mend
from leantune.kinds.method import Parsed
from leantune.kinds.prompt import Setting
from leantune.kinds.task import Task
from leantune.models.base import Base, open_base
from leantune.models.build import require
from leantune.models.heads import VOCABULARY, HeadKind


@dataclass(frozen=True)
class Sources:
    """Where rows come from: everything that `leantune.data.dataset.prepare` takes, and rows without labels."""

    train: Any
    dev: Any = None
    test: Any = None
    unlabelled: Any = None

    @property
    def name(self) -> str:
        """A short name for folders and titles."""
        return Path(self.train).stem if isinstance(self.train, str | Path) else "data"


@dataclass(frozen=True)
class Study:
    """Data, base and conditions that every recipe of a comparison shares."""

    run: Path
    sources: Sources
    options: Options
    dataset: Dataset
    base: Base
    spec: StudySpec
    mended: tuple[str, ...] = ()
    """What was damaged in the run folder and is made again, in sentences."""
    unlabelled: Unlabelled | None = None
    """Rows without labels, for teachers; None where none were given."""
    generator: Generator | None = None
    """Who writes templates; None where none was given."""

    @property
    def conditions(self) -> Conditions:
        """What results depend on."""
        return self.spec.conditions

    @property
    def inferences(self) -> list[str]:
        """One line for each thing that was worked out: what, why, how to override."""
        return [
            *map(str, self.dataset.inferences),
            *([] if self.unlabelled is None else [str(self.unlabelled)]),
            *_few_shot_lines(self),
            *_model_lines(self.base, self.options, self.context.head.kind, self.conditions.target_length),
            *self.mended,
        ]

    def setting(self) -> Setting:
        """What prompts are made for.

        Raises:
            SpecError: E-LABEL for label words that do not go with the labels.
        """
        return self.context.setting(wording_of(self.options.prompt, self.options.labels, self.dataset.labels), self.generator)

    def altered(self, parsed: Parsed) -> Base:
        """The base with the layers that a method wants.

        Raises:
            SpecError: E-RANGE and E-METHOD for layers that do not exist or cannot stand where they shall.
        """
        return self.context.altered(parsed.structures).base

    @property
    def default_methods(self) -> tuple[str, ...]:
        """What takes part when no method is named."""
        single = self.context.task.problem == "single_label_classification"
        asked: Asked | None = None if not single else "words" if self.base.pooling == "stock" else "sentences"
        if self.options.few_shot is None:
            return usual_methods(self.options, asked)
        return few_shot_methods(self.options, asked, unlabelled=self.unlabelled is not None)

    @property
    def rows(self) -> Rows:
        """Of each split, and per step."""
        sizes, few = self.sizes, self.options.few_shot is not None
        train = sizes["train"] or (self.unlabelled.rows if self.unlabelled else 0)
        tests = sum(sizes[split] for split in self.dataset.tests.values())
        least = FEW_SHOT_STEPS if few else FEWEST_STEPS
        writes = self.context.task.writes
        return Rows(train, sizes["dev"], tests, self.options.batch, at_least=least, chosen_on=self.chooses_on_dev, written=writes)

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each split; of train those that one trial is trained on."""
        sizes, few = self.dataset.manifest.sizes, self.options.few_shot
        return sizes | {"train": few * len(self.dataset.labels)} if few is not None else sizes

    @property
    def chooses_on_dev(self) -> bool:
        """Whether dev decides about rates, early stopping and elimination: not with few labelled rows and no dev set of the user's."""
        return self.options.few_shot is None or self.sources.dev is not None

    @property
    def ruler(self) -> Ruler:
        """Measures rows and targets in tokens."""
        room = Room(self.conditions.max_length, self.conditions.target_length)
        return ruler_of(self.dataset, self.base, room, self.context.long)

    @cached_property
    def context(self) -> Context:
        """For work in this process."""
        return Context(self.run, self.conditions)


def default_run(sources: Sources, model: str) -> Path:
    """runs/<data>-<model>."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{sources.name}-{Path(model).name}")
    return Path("runs") / plain


def open_study(sources: Sources, run: Path, options: Options) -> Study:
    """Prepare the data and open the base; the study's identity is written into the run folder.

    Raises:
        LeantuneError: for everything that is wrong with options, data or model; nothing has been trained then.
    """
    parse_budget(options.budget_text)
    check_names(options.optimizer, options.schedule)
    device = pick_device(options.device)
    refuse_more_than_devices(options.conduct.parallel, device)
    base = open_base(options.model, pooling=options.pooling, max_length=options.max_length)
    generator = None if options.generator is None else open_generator(options.generator)
    _refuse_foreign(run)
    with locked(run):
        mended = tuple(mend(run))
        return replace(_opened(sources, run, options, base, device.type), generator=generator, mended=mended)


def _opened(sources: Sources, run: Path, options: Options, base: Base, device: str) -> Study:
    dataset = _prepared(sources, run, options)
    task: Task = catalogue.load("tasks", dataset.task)
    if options.metric is not None and options.metric not in task.metrics:
        raise unknown_name("metric", options.metric, task.metrics)
    require(base, task.head)
    if options.few_shot is not None:
        refuse_more_than_there_are(dataset, options.few_shot)
    precision = pick_precision(options.precision, device, base.config.get_text_config().hidden_size)
    conditions = Conditions(
        data=dataset.digest,
        model=options.model,
        weights=base.weights_digest,
        revision=base.location.revision,
        pooling=base.pooling,
        max_length=base.max_length,
        target_length=room_of(dataset, base, options.max_target_length).target,
        task=dataset.task,
        metric=options.metric or task.default_metric(dataset.labels),
        device=device,
        precision=precision,
        few_shot=options.few_shot,
        group_by_length=options.group_by_length,
        in_parts=options.in_parts,
        seen_embeddings=options.seen_embeddings,
        unpad=device == "cuda" and precision == "bf16" if options.unpad is None else options.unpad,
        recall=options.recall,
        narrow=options.narrow,
        long=str(long_of(options.long, dataset, base)),
    )
    spec = StudySpec(
        name=sources.name,
        conditions=conditions,
        margin=options.margin / 100,
        seeds=options.seed_numbers,
        budget=options.budget_text,
        limits=options.limits,
        prefer=options.prefer,
        keep_all=options.keep_all,
    )
    _refuse_another_study(run, conditions)
    write_atomic(run / "study.json", spec.model_dump_json(indent=1))
    unlabelled = None if sources.unlabelled is None else keep_unlabelled(dataset, sources.unlabelled)
    return Study(run, sources, options, dataset, base, spec, unlabelled=unlabelled)


def _refuse_foreign(run: Path) -> None:
    """Nothing is written among files that no study made."""
    if run.is_file():
        raise ArtifactError(f'"{run}" is a file. Choose a folder with --out.', "E-RUN")
    inside = {entry.name for entry in run.iterdir()} if run.is_dir() else set()
    if inside and not inside & {"study.json", ".lock"}:
        message = f'The folder "{run}" is in use by something else than a study: it holds {some(sorted(inside))}.'
        raise ArtifactError(f"{message} Choose another folder with --out.", "E-RUN")


def _prepared(sources: Sources, run: Path, options: Options) -> Dataset:
    """The rows in the run folder; those of a study that is there are never replaced, only compared, but for further test sets."""
    given: dict[str, Any] = {
        "dev": sources.dev,
        "test": sources.test,
        "text": options.text,
        "text_pair": options.text_pair,
        "label": options.label,
        "seed": options.split_seed,
        "task": options.task,
        "most_lost": options.most_lost,
    }
    kept = run / "data"
    if not (run / "study.json").is_file() or read_manifest(kept) is None or is_prepared(sources.train, kept, **given):
        return prepare(sources.train, kept, **given)
    with TemporaryDirectory(dir=run) as folder:
        found, before = prepare(sources.train, Path(folder) / "new", **given), load(kept)
        if found.digest != before.digest:
            message = f'The folder "{run}" holds another study: its rows or labels are not those of {sources.name}.'
            raise ArtifactError(f"{message} Choose another folder with --out, or delete this one.", "E-RUN")
        if (found.tests, found.whole_digest) != (before.tests, before.whole_digest):
            kept.rename(Path(folder) / "old")
            found.folder.rename(kept)
    return load(kept)


def _refuse_another_study(run: Path, conditions: Conditions) -> None:
    """A run folder belongs to one study: a changed file, base or option is shown, never mixed in."""
    path = run / "study.json"
    if not path.is_file():
        return
    try:
        before = StudySpec.model_validate_json(path.read_text("utf-8")).conditions
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{path} is damaged. Choose another folder with --out, or delete this one.", "E-RUN") from error
    old, new = before.model_dump(), conditions.model_dump()
    changed = [f"{key} {old[key]} -> {new[key]}" for key in new if old[key] != new[key]]
    if changed:
        message = f'The folder "{run}" holds another study: {"; ".join(changed)}. Choose another folder with --out, or delete this one.'
        raise ArtifactError(message, "E-RUN")


def _few_shot_lines(study: Study) -> list[str]:
    few = study.options.few_shot
    if few is None:
        return []
    if few == 0:
        return ["few-shot: no labelled row is trained on (zero-shot); dev and test are only predicted"]
    seeds = ", ".join(map(str, study.spec.seeds))
    drawn = f"{few} of each of {len(study.dataset.labels)} labels, drawn anew for each of the seeds {seeds}"
    alone = "chooses nothing: each method has its usual rate and runs to the end (give --dev to choose)"
    said = "chooses rates and when to stop, so its labels count too" if study.chooses_on_dev else alone
    lines = [f"few-shot: {study.sizes['train']:,} training rows ({drawn})", f"dev: {said}"]
    averaged = (
        f"fewer than {FEWEST} rows of a label: a choice on them would be noise, so heads (averaged) and templates (best) are averaged"
    )
    return [*lines, averaged] if few < FEWEST else lines


def _model_lines(base: Base, options: Options, head: HeadKind, target_length: int) -> list[str]:
    lines = []
    if base.parted:
        why = "its configuration calls some of them one and the same, but their weights differ: it was trained on layer by layer"
        lines.append(f"layers: each its own ({why})")
    if options.pooling == "auto" and head not in VOCABULARY:
        why = "the base's own pooling" if base.pooling != "stock" else "the classification head of the base's family"
        lines.append(f"pooling: {base.pooling} ({why}; override with --pooling)")
    if options.max_length is None:
        lines.append(f"longest row: {base.max_length} tokens (of {base.context} that {base.name} takes; override with --max-length)")
    if target_length and options.max_target_length is None:
        lines.append(
            f"longest target: {target_length} tokens (as {SHARE:.0%} of the train targets need; override with --max-target-length)"
        )
    return lines
