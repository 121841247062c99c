"""Artifacts as teachers: the folder is opened, checked against the study, and written down for the recipe.

experts_of("runs/big/best", lesson)  ->  [Expert(folder=..., base=..., recipe=...)]      of an ensemble one for each member
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leantune.artifact.manifest import Manifest, read_manifest
from leantune.artifact.predictor import find_base
from leantune.core.digest import digest
from leantune.core.errors import Problems, SpecError, some
from leantune.core.recipe import Expert
from leantune.models.base import Base, read_tokenizer


@dataclass(frozen=True)
class Lesson:
    """What a teacher is for."""

    task: str
    labels: Sequence[str]
    base: Base
    """Of the student."""
    tokens: bool
    """Whether both have to read the same tokens."""


def experts_of(text: str, lesson: Lesson) -> list[Expert]:
    """The artifact as a recipe names it; the members of an ensemble share what it says.

    Raises:
        SpecError: E-OPTION where there is none, E-LABEL and E-MODEL with all that does not go with the study.
        ArtifactError: E-ARTIFACT for a damaged artifact, or one whose base is gone.
    """
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise SpecError(
            f'distill: "{text}" is no folder. A teacher is the folder of an artifact (runs/big/best) or a method (teacher=full).',
            "E-OPTION",
        )
    manifest = read_manifest(folder)
    if not manifest.members:
        return [_expert(text, folder, manifest, lesson)]
    places = {folder / one.folder: one.weight for one in manifest.members}
    return [_expert(str(place), place, read_manifest(place), lesson, share) for place, share in places.items()]


def _expert(text: str, folder: Path, manifest: Manifest, lesson: Lesson, share: float = 1.0) -> Expert:
    base = find_base(folder, manifest)
    _check(text, manifest, lesson, read_tokenizer(folder).get_vocab())
    whole = manifest.form == "whole"
    return Expert(
        folder=str(folder.resolve()),
        digest=digest(manifest.files),
        base=str(folder.resolve()) if whole else base.location.source,
        revision=None if whole else base.location.revision,
        pooling=manifest.base.pooling,
        max_length=manifest.max_length,
        long=manifest.facts.long,
        recipe=manifest.facts.recipe,
        share=share,
    )


def _check(text: str, manifest: Manifest, lesson: Lesson, vocabulary: dict[str, int]) -> None:
    facts, problems = manifest.facts, Problems(f'distill: the teacher "{text}" does not go with this study')
    if facts.task != lesson.task:
        problems.add(f"it was trained for {facts.task}, and this is {lesson.task}. Take a teacher for {lesson.task}.", "E-OPTION")
    elif list(facts.labels) != list(lesson.labels):
        problems.add(_other_labels(facts.labels, lesson.labels), "E-LABEL")
    if lesson.tokens and vocabulary != lesson.base.tokenizer.get_vocab():
        own = lesson.base.tokenizer.get_vocab()
        differing = sum(own.get(token) != number for token, number in vocabulary.items())
        problems.add(
            f"it has another tokenizer ({differing:,} of {len(vocabulary):,} tokens differ), and here both read the same tokens. "
            f"Take a student with that tokenizer (--model {manifest.base.name}), or another teacher.",
            "E-MODEL",
        )
    problems.raise_if_any(SpecError)


def _other_labels(theirs: Sequence[str], ours: Sequence[str]) -> str:
    lacking, strange = [sorted(set(one) - set(other)) for one, other in ((ours, theirs), (theirs, ours))]
    if not lacking and not strange:
        return "it has the same labels in another order. Train it again on a file with these labels."
    parts = [f"it lacks {some(lacking)}"] * bool(lacking) + [f"it has {some(strange)} besides"] * bool(strange)
    return f"its labels are others: {' and '.join(parts)}. Train the teacher on these labels, or rename those in the file."
