"""Distilling: the teachers of a student, trained or opened, and what they say of the rows that it is trained on.

    context = yield from distilled(context, job, run)       context.mentors: for the objective; context.settling: the seconds that they took

A teacher that the study trains is a trial like any other: where it is there already it is not trained again, and its seconds count for the
student as if it had been trained for it alone. Its logits are computed once for all of its students and kept in the cache. Where texts are
written it writes one for each row without labels, which is learned as if it were labelled (Kim and Rush 2016, arXiv:1606.07947).
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
from leantune.core.human import duration, percent, plural
from leantune.core.recipe import Expert, Recipe
from leantune.core.records import Decoding
from leantune.core.study import Job
from leantune.data.encoded import Encoded
from leantune.data.unlabelled_rows import UNLABELLED
from leantune.evaluate.predict import averaged, logits_of
from leantune.execution.compressing import Run, trained
from leantune.execution.context import TAUGHT, Context
from leantune.execution.feed import kept
from leantune.execution.lecture import Judged, Mentors
from leantune.execution.reloading import DELTA
from leantune.execution.remembered import Remembered, remembered
from leantune.kinds.distiller import Distiller
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Worded
from leantune.kinds.teacher import Extra
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
    notes = [one.note for one in mentors]
    if recipe.distilling.unlabelled is not None:
        context = replace(context, unlabelled=recipe.distilling.unlabelled)
        if context.task.writes:
            (writer,) = mentors
            context, seconds, said = _continued(context, writer)
            mentors, notes = [replace(writer, seconds=writer.seconds + seconds)], [*notes, said]
    found, seconds = _ready(context, recipe, asked, mentors)
    return replace(found, settling=context.settling + seconds + sum(one.seconds for one in mentors)), notes


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
    decoding: Decoding | None
    """How it writes; None where it writes nothing."""
    share: float = 1.0
    """Of what is said by all teachers, in proportion."""

    def network(self) -> Network:
        """In evaluation mode."""
        return read_delta(self.context.base, self.folder, self.context.head, merge=True).to(self.context.device)


def _trained(context: Context, job: Job, name: str, recipe: Recipe, run: Run) -> Generator[Event, None, Mentor]:
    """A model that the study trains; the same trial as in the table, where it is there."""
    phase = "train" if job.phase == "train" else "final"
    own = Job(name=name, expression=recipe.method, phase=phase, recipe=recipe, seed=job.seed, conduct=job.conduct)
    bare = Context(context.run, context.conditions, reload=context.reload)
    record = yield from trained(bare, own, run)
    folder = context.run / "trials" / record.digest
    seconds = record.cost.train_seconds or 0.0
    note = f"taught by {name} (dev {percent(record.scores.dev)}, trained in {duration(seconds)})"
    return Mentor(name, bare.of(own).settled_in(folder), folder / DELTA, record.digest, seconds, note, recipe.decoding)


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
    decoding = expert.recipe.decoding if expert.recipe else None
    return Mentor(expert.name, found, Path(expert.folder), digest(own, conditions), 0.0, note, decoding, expert.share)


def _continued(context: Context, mentor: Mentor) -> tuple[Context, float, str]:
    """The context with texts that a teacher wrote behind those of the training rows, the seconds that it took, and what is to be noted."""
    theirs = replace(mentor.context, unlabelled=context.unlabelled)
    _refuse_other_tokens(context, mentor)
    path = context.run / "cache" / f"written-{digest(mentor.digest, theirs.dataset.digest_of(UNLABELLED), mentor.decoding)}.npy"

    def compute(part: Path) -> None:
        np.save(part, np.array(theirs.predict(mentor.network(), UNLABELLED, mentor.decoding).predicted, np.str_))

    texts, seconds = kept(path, compute)
    rows = tuple(row for row, text in enumerate(texts) if text)
    if not rows:
        raise SpecError(f"The teacher {mentor.name} writes nothing for any row without labels. Train it for longer.", "E-METHOD")
    empty = f"; {plural(len(texts) - len(rows), 'row')} left out, for which it wrote nothing" * (len(rows) < len(texts))
    said = f"it wrote the texts of {plural(len(rows), 'row')} without labels, which are learned as if they were labelled{empty}"
    return replace(context, extra=Extra(rows, tuple([str(texts[row])] for row in rows))), seconds, said


def _ready(context: Context, recipe: Recipe, asked: Distiller, mentors: list[Mentor]) -> tuple[Context, float]:
    """The context with teachers that can be asked, and the seconds of their judgement."""
    shares = tuple(one.share / sum(other.share for other in mentors) for one in mentors)
    apart = context.unlabelled is not None and context.extra is None
    labelled = partial(_labelled, context.encoded(TAUGHT), len(context.gold["train"])) if apart else None
    vocabulary = context.head.kind in VOCABULARY and context.worded is None
    if asked.inside or vocabulary:
        for one in mentors:
            _refuse_other_tokens(replace(context, extra=None), one)
        networks = tuple(one.network() for one in mentors)
        changing = asked.inside or recipe.masking == "dynamic"
        known, seconds = (None, 0.0) if changing else _remembered(context, mentors, networks)
        return replace(context, mentors=Mentors(asked, shares, known or (), () if known else networks, labelled)), seconds
    splits = ["train", UNLABELLED] if apart else ["train"]
    verdicts = [[_verdict(context, one, split) for split in splits] for one in mentors]
    encoded = context.encoded(TAUGHT if apart else "train")
    mentored = Mentors(asked, shares, tuple(_joined(encoded, said) for said in verdicts), labelled=labelled)
    return replace(context, mentors=mentored), sum(one.seconds for said in verdicts for one in said)


def _remembered(context: Context, mentors: list[Mentor], networks: tuple[Network, ...]) -> tuple[tuple[Remembered, ...] | None, float]:
    """Teachers of a vocabulary from what is kept of them, and the seconds that it took; None where one has to run beside the student."""
    found = [remembered(context, network, one.digest) for one, network in zip(mentors, networks, strict=True)]
    known = tuple(one for one in found if one is not None)
    return (tuple(one for one, _ in known), sum(seconds for _, seconds in known)) if len(known) == len(found) else (None, 0.0)


def _labelled(encoded: Encoded, count: int, pieces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the rows of the logits of some pieces are among the first ones, which have labels."""
    found: NDArray[np.bool_] = encoded.answered(pieces) < count
    return found


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
        _refuse_other_tokens(context, replace(mentor, context=theirs), split)
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


def _joined(encoded: Encoded, verdicts: list[Verdict]) -> Judged:
    """What one teacher says of all rows that are learned from."""
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
