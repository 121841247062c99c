"""Distilling: the teachers of a student, trained or opened, and what they say of the rows that it is trained on.

    context = yield from distilled(context, job, run)       context.mentors: for the objective; context.settling: the seconds that they took

A teacher that the study trains is a trial like any other: where it is there already it is not trained again, and its seconds count for the
student as if it had been trained for it alone. Its logits are computed once for all of its students and kept in the cache.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.core.digest import digest
from leantune.core.errors import SpecError
from leantune.core.events import Event
from leantune.core.human import duration, percent
from leantune.core.recipe import Distilling, Expert, Recipe
from leantune.core.study import Job
from leantune.data.encoded import Encoded
from leantune.data.unlabelled_rows import UNLABELLED
from leantune.evaluate.predict import averaged, logits_of
from leantune.execution.compressing import Run, trained
from leantune.execution.context import Context
from leantune.execution.feed import kept
from leantune.execution.lecture import Judged, Mentors
from leantune.kinds.distiller import Distiller
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Worded
from leantune.kinds.teacher import Lesson
from leantune.models.base import read_tokenizer
from leantune.models.delta import read_delta
from leantune.models.heads import VOCABULARY
from leantune.models.network import Network


def distilled(context: Context, job: Job, run: Run) -> Generator[Event, None, tuple[Context, list[str]]]:
    """The context of a trial with its teachers, and what is to be noted; as it is without any.

    Raises:
        SpecError: E-METHOD when a teacher could not be trained, or does not go with the student.
    """
    recipe = job.recipe
    asked = None if recipe is None else parse_method(recipe.method).distiller
    if recipe is None or asked is None or recipe.distilling is None:
        return context, []
    mentors: list[Mentor] = []
    for name, one in zip(recipe.distilling.names, recipe.distilling.teachers, strict=True):
        mentors.append((yield from _trained(context, job, name, one, run)))
    mentors += [_opened(context, expert) for expert in recipe.distilling.experts]
    found, seconds = _ready(context, asked, recipe.distilling, mentors)
    return replace(found, settling=context.settling + seconds + sum(one.seconds for one in mentors)), [one.note for one in mentors]


@dataclass(frozen=True)
class Mentor:
    """A teacher that is trained."""

    name: str
    context: Context
    """The study as it reads it."""
    folder: Path
    """Of what was trained."""
    digest: str
    """Of all that its logits depend on but the rows."""
    seconds: float
    """Of its training, where the study trained it."""
    note: str
    share: float = 1.0
    """Of what is said by all teachers, in proportion."""

    def network(self) -> Network:
        """In evaluation mode."""
        return read_delta(self.context.base, self.folder, self.context.head, merge=True).to(self.context.device)


def _trained(context: Context, job: Job, name: str, recipe: Recipe, run: Run) -> Generator[Event, None, Mentor]:
    """A model that the study trains; the same trial as in the table, where it is there."""
    phase = "train" if job.phase == "train" else "final"
    own = Job(name=name, expression=recipe.method, phase=phase, recipe=recipe, seed=job.seed)
    bare = Context(context.run, context.conditions)
    record = yield from trained(bare, own, run)
    folder = context.run / "trials" / record.digest
    seconds = record.cost.train_seconds or 0.0
    note = f"taught by {name} (dev {percent(record.scores.dev)}, trained in {duration(seconds)})"
    return Mentor(name, bare.of(own).settled_in(folder), folder / "delta", record.digest, seconds, note)


def _opened(context: Context, expert: Expert) -> Mentor:
    """An artifact; what its training took is not known to this study."""
    changes = {"model": expert.base, "weights": expert.digest, "revision": expert.revision, "pooling": expert.pooling}
    conditions = context.conditions.model_copy(update=changes | {"max_length": expert.max_length, "long": expert.long})
    found = Context(context.run, conditions, seed=context.seed)
    if read_tokenizer(Path(expert.folder)).get_vocab() != found.base.tokenizer.get_vocab():
        found = replace(found, tokens=Path(expert.folder))
    prompt = parse_method(expert.recipe.method).prompt if expert.recipe else None
    if prompt is not None and expert.recipe and expert.recipe.wording:
        found = replace(found, worded=Worded(prompt, found.setting(expert.recipe.wording)))
    note = f"taught by the artifact {expert.folder}, whose training is not counted in the seconds"
    own = expert.model_copy(update={"share": 1.0})  # whatever it weighs, it says the same
    return Mentor(expert.name, found, Path(expert.folder), digest(own, conditions), 0.0, note, expert.share)


def _ready(context: Context, asked: Distiller, wanted: Distilling, mentors: list[Mentor]) -> tuple[Context, float]:
    """The context with teachers that can be asked, and the seconds of their judgement."""
    if wanted.unlabelled is not None:
        context = replace(context, unlabelled=wanted.unlabelled)
    splits = ["train"] if wanted.unlabelled is None else ["train", UNLABELLED]
    live = asked.inside or (context.head.kind in VOCABULARY and context.worded is None)
    verdicts = [[] if live and split == "train" else [_verdict(context, one, split) for one in mentors] for split in splits]
    seconds = sum(one.seconds for found in verdicts for one in found)
    shares = tuple(one.share / sum(other.share for other in mentors) for one in mentors)
    labelled = None
    if wanted.unlabelled is not None:
        context = replace(context, lesson=_lesson([one.values for one in verdicts[1]], shares, asked.temperature))
        labelled = partial(_labelled, context.encoded(context.learned), len(context.gold["train"]))
    if live:
        for one in mentors:
            _refuse_other_tokens(context, one)
        networks = tuple(one.network() for one in mentors)
        return replace(context, mentors=Mentors(asked, shares, networks=networks, labelled=labelled)), seconds
    joined = [_joined(context, [found[number] for found in verdicts]) for number in range(len(mentors))]
    return replace(context, mentors=Mentors(asked, shares, tuple(joined), labelled=labelled)), seconds


def _labelled(encoded: Encoded, count: int, pieces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the rows of the logits of some pieces are among the first ones, which have labels."""
    found: NDArray[np.bool_] = encoded.answered(pieces) < count
    return found


def _lesson(logits: list[NDArray[np.float32]], shares: tuple[float, ...], temperature: float) -> Lesson:
    """The mean of the teachers' probabilities, for rows without labels."""
    soft = np.average([torch.from_numpy(one / temperature).softmax(dim=-1).numpy() for one in logits], axis=0, weights=shares)
    return Lesson(soft.astype(np.float32), temperature, [])


@dataclass(frozen=True)
class Verdict:
    """What a teacher says of a split."""

    values: NDArray[np.float32]
    rows: bool
    """Whether the values are of rows, rather than of the pieces that the student reads."""
    tokens: bool
    seconds: float


def _verdict(context: Context, mentor: Mentor, split: str) -> Verdict:
    """From the cache, or computed and put there."""
    theirs = replace(mentor.context, unlabelled=context.unlabelled)
    ours, encoded = context.encoded(split), theirs.encoded(split)
    tokens = context.head.kind in ("token", "span") and context.worded is None
    rows = not tokens and bool(ours.pool or encoded.pool or encoded.averages or not np.array_equal(ours.rows, encoded.rows))
    if tokens:
        _refuse_other_tokens(context, mentor, split)
    name = digest(mentor.digest, theirs.dataset.digest_of(split), split, rows)
    path = context.run / "cache" / f"said-{name}.npy"
    values, seconds = kept(path, lambda part: np.save(part, _values(theirs, mentor.network(), encoded, tokens=tokens)))
    return Verdict(values, rows, tokens, seconds)


@torch.inference_mode()
def _values(context: Context, network: Network, encoded: Encoded, *, tokens: bool) -> NDArray[np.float32]:
    """(pieces, C), (rows, C) where pieces are pooled or averaged, (tokens, C) where tokens have logits."""
    ways: dict[str, Any] = {"pad": context.pad, "types": context.types, "device": context.device}
    if encoded.averages:
        return averaged(network, encoded, **ways)
    found: NDArray[np.float32] | None = None
    for numbers, padded, logits in logits_of(network, encoded, **ways):
        values = logits.float().cpu().numpy()
        if found is None:
            found = np.zeros(
                (len(encoded.ids) if tokens else len(encoded.units) if encoded.pool else len(encoded), values.shape[-1]), np.float32
            )
        if not tokens:
            found[numbers] = values
            continue
        for piece, row, size in zip(numbers, values, padded.mask.sum(axis=1), strict=True):
            found[encoded.starts[piece] : encoded.starts[piece] + size] = row[:size]
    return np.zeros((0, 0), np.float32) if found is None else found


def _joined(context: Context, verdicts: list[Verdict]) -> Judged:
    """What one teacher says of all rows that are learned from."""
    encoded = context.encoded(context.learned)
    values = verdicts[0].values if len(verdicts) == 1 else np.concatenate([one.values for one in verdicts])
    starts = encoded.starts if verdicts[0].tokens else None
    return Judged(values, encoded.answered if verdicts[0].rows else _itself, starts)


def _itself(pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    return pieces


def _refuse_other_tokens(context: Context, mentor: Mentor, split: str = "train") -> None:
    """Raise SpecError where teacher and student do not read the same tokens and have to."""
    ours, theirs = context.encoded(split), mentor.context.encoded(split)
    if len(ours.ids) != len(theirs.ids) or not (np.array_equal(ours.starts, theirs.starts) and np.array_equal(ours.ids, theirs.ids)):
        raise SpecError(
            f"The teacher {mentor.name} reads other tokens than the student: another tokenizer, another length or another prompt. "
            "Take a teacher on a base with the same tokenizer and the same --max-length; only rows with one answer each and match=logits "
            "can do without.",
            "E-METHOD",
        )
