"""The base of a trial: with the layers that its structures want, made in the cache of the run; or in 4 bits; or as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from leantune.core.digest import digest, file_digest
from leantune.core.student import Student
from leantune.core.study import Conditions
from leantune.kinds.structure import Structure
from leantune.models.altered import altered, stacks_of
from leantune.models.base import Base
from leantune.models.student import student_of


def structured(base: Base, structures: Sequence[tuple[str, Structure]], conditions: Conditions, seed: int | None, cache: Path) -> Base:
    """The base as structures change it, one after the other.

    Args:
        base: as it is.
        structures: each with its link; with none the base stays.
        conditions: of the study.
        seed: of the trial, for what is drawn.
        cache: where altered bases lie.

    Raises:
        SpecError: for layers that do not exist, and structures that do not go together.
    """
    if not structures:
        return base
    alone = structures[0][1] if len(structures) == 1 else None
    if alone and alone.packing:
        return replace(base, packing=alone.packing)
    named = (conditions.model, conditions.weights, conditions.revision)
    if alone and alone.student:
        return _student(base, alone.student, named, seed or 0, cache)
    stacks = stacks_of(base)
    for _, structure in structures:
        stacks = structure.arranged(stacks)
    drawn = any(layer.fresh for layers in stacks for layer in layers)
    own = (seed or 0) if drawn else 0
    layers = [[(layer.source, layer.fresh, layer.group) for layer in stack] for stack in stacks]
    return altered(base, stacks, own, cache / f"base-{digest(*named, layers, own, length=12)}")


def _student(base: Base, student: Student, named: tuple[str | None, ...], seed: int, cache: Path) -> Base:
    file = Path(student.vectors or "").expanduser()
    vectors = file_digest(file) if file.is_file() else student.vectors  # one that is missing is told where it is read
    name = digest(*named, student.kind, student.width, vectors, seed, length=12)
    return student_of(base, student, seed, cache / f"base-{name}")
