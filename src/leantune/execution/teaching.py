"""Teaching: what the teacher of a trial says of the unlabelled rows, before the student is trained.

    context, notes = taught(context, job)        context.lesson: soft targets; context.settling: the seconds that they took

Its views are trained on the labelled rows of the trial, in its process; in later generations on unlabelled ones too, as other views label
them. What a view says depends on its recipe, the seed, both sets of rows and the labels that some were given, so it is kept in the cache
with the seconds that it took; these are charged to every trial that uses it, as if it had run alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.digest import digest
from leantune.core.errors import SpecError
from leantune.core.events import Evaluated
from leantune.core.files import read_kept, write_atomic
from leantune.core.recipe import Teaching
from leantune.core.records import Recipe
from leantune.core.spec import Spec
from leantune.core.study import Job
from leantune.data.unlabelled_rows import OWN, UNLABELLED
from leantune.evaluate.predict import averaged, logits_of
from leantune.execution.attach import attach, from_states, logits_from_states, setup_of
from leantune.execution.context import Context
from leantune.execution.loop import BestLook, Diverged, fit
from leantune.execution.results import Attached
from leantune.execution.settling import settle
from leantune.kinds.method import parse_method
from leantune.kinds.task import Decoded
from leantune.kinds.teacher import Extra, Opinion


def taught(context: Context, job: Job) -> tuple[Context, list[str]]:
    """The context of a trial with the lesson of its teacher, and what is to be noted; as it is without one.

    Raises:
        SpecError: E-METHOD when a view cannot be trained.
    """
    recipe = job.recipe
    teacher = None if recipe is None else parse_method(recipe.method).teacher
    if recipe is None or recipe.teaching is None or teacher is None:
        return context, []
    school = Views(context, job, recipe.teaching)
    lesson = teacher.teach(school)
    lesson = replace(lesson, read=frozenset(school.read), alone=not teacher.labels)
    own = ["no unlabelled rows are given: the teacher judges the texts of the training rows"] * (recipe.teaching.unlabelled == OWN)
    return replace(context, lesson=lesson, settling=context.settling + school.seconds), [*lesson.notes, *own]


class _Kept(Spec):
    """What is kept of a view besides its log-probabilities."""

    name: str
    before: float
    seconds: float
    """Without reading the unlabelled rows by a frozen body."""
    read: str | None
    """The pooling by which they were read so."""
    reading: float
    """Seconds of that."""


class Views:
    """The views of a trial, as `kinds.teacher.School` says."""

    def __init__(self, context: Context, job: Job, teaching: Teaching) -> None:
        self.context, self.job, self.seed = context, job, job.seed
        self.first, self.others = teaching.views, teaching.later or teaching.views
        self.seconds = 0.0
        self.read = dict[str, float]()
        """Seconds of reading the unlabelled rows by a frozen body, by the pooling."""

    @property
    def labelled(self) -> NDArray[np.int64]:
        """(C,) labelled rows of each label."""
        return np.bincount(np.asarray(self.context.gold["train"]), minlength=len(self.context.dataset.labels))

    @property
    def later(self) -> list[str]:
        """Names of the views of later generations."""
        return [view_name(recipe) for recipe in self.others]

    def opinions(self, extras: Sequence[Extra] = ()) -> list[Opinion]:
        """Of every view, trained when nobody trained it before."""
        found = []
        taking: list[tuple[Recipe, Extra | None]] = (
            list(zip(self.others, extras, strict=True)) if extras else [(one, None) for one in self.first]
        )
        for recipe, extra in taking:
            likely, kept = self._opinion(recipe, extra if extra and extra.rows else None)
            found.append(Opinion(kept.name, likely, kept.before))
            self.seconds += kept.seconds
            if kept.read is not None and kept.read not in self.read:
                self.read[kept.read] = kept.reading
                self.seconds += kept.reading
        return found

    def _opinion(self, recipe: Recipe, extra: Extra | None) -> tuple[NDArray[np.float32], _Kept]:
        path = self._path(recipe, extra)
        kept = read_kept(path.with_suffix(".json"), _Kept)
        if kept is None:
            likely, kept = _formed(view_of(self.context, recipe), view_job(self.job, recipe), extra)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, likely)
            write_atomic(path.with_suffix(".json"), kept.model_dump_json())  # last: it says that the numbers are whole
        return np.load(path), kept

    def _path(self, recipe: Recipe, extra: Extra | None) -> Path:
        rows = [self.context.dataset.digest_of("train"), self.context.dataset.digest_of(UNLABELLED)]
        rows += [] if extra is None else [digest(extra.rows, extra.answers)]
        return self.context.run / "cache" / f"view-{digest(self.context.conditions, *rows, recipe, self.job.seed)}.npy"


def view_of(context: Context, recipe: Recipe) -> Context:
    """The study as a view sees it."""
    bare = Context(context.run, context.conditions, seed=context.seed, unlabelled=context.unlabelled)
    return bare.behind(recipe)


def view_job(job: Job, recipe: Recipe) -> Job:
    """The training of a view."""
    return Job(
        name=view_name(recipe), expression=recipe.method, phase="train", recipe=recipe, seed=job.seed, measure=False, conduct=job.conduct
    )


def view_name(recipe: Recipe) -> str:
    """The method with its template."""
    templates = recipe.wording.templates if recipe.wording else ()
    return recipe.method + (f' with "{templates[0]}"' if len(templates) == 1 else "")


def _formed(context: Context, job: Job, extra: Extra | None) -> tuple[NDArray[np.float32], _Kept]:
    """Train a view and let it judge; its prompt settles on the labelled rows alone, and by these is told what it knew before."""
    labelled, _ = settle(context, job)
    context = replace(labelled, extra=extra)
    attached = attach(context, job)
    apart, gold = from_states(labelled, attached), np.asarray(labelled.gold["train"])
    before = _answers(labelled, attached, "train").argmax(axis=1) == gold if len(gold) else np.zeros(1)
    setup = replace(setup_of(context, job, attached, looking=False), look=lambda: Decoded([], np.zeros(0, np.float32)), score=lambda _: 0.0)
    try:
        last = [event for event in fit(setup, BestLook(), micro_batch=job.conduct.micro_batch) if isinstance(event, Evaluated)][-1]
    except Diverged as error:
        raise SpecError(f"{job.name}, a view of the teacher: {error}. Name other ones with views=[...].", "E-METHOD") from error
    start = time.perf_counter()
    likely = _answers(context, attached, UNLABELLED)
    judging = time.perf_counter() - start
    network = attached.network
    return likely, _Kept(
        name=job.name,
        before=float(before.mean()),
        seconds=last.point.seconds + (0.0 if apart else judging),
        read=network.pooling if apart else None,
        reading=context.features(UNLABELLED, network.embed, network.pooling).seconds if apart else 0.0,
    )


@torch.inference_mode()
def _answers(context: Context, attached: Attached, split: str) -> NDArray[np.float32]:
    """Log-probabilities of the labels for the rows of a split: (rows, C)."""
    network, encoded = attached.network.eval(), context.encoded(split)
    if from_states(context, attached):
        return np.asarray(logits_from_states(context, network, split).float().log_softmax(dim=-1).cpu().numpy())
    ways: dict[str, Any] = {"pad": context.pad, "types": context.types, "device": context.device}
    if encoded.averages:
        return averaged(network, encoded, **ways)
    found = np.zeros((len(encoded.units), len(context.dataset.labels)), np.float32)
    for rows, _, logits in logits_of(network, encoded, **ways):
        found[rows] = logits.float().log_softmax(dim=-1).cpu().numpy()
    return found
