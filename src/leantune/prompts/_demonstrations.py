"""Demonstrations: training rows in the words of the template that stand beside every row, the word of their label at the mask.

    drawn(lengths, gold, labels, budget, each=2, seed=1)      rows, at random among those that leave room for all

Reference: Brown et al. 2020, arXiv:2005.14165; for masked models Gao et al. 2021, arXiv:2012.15723.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import Problems, SpecError
from leantune.core.human import plural

Numbers = NDArray[np.int64]


def drawn(lengths: Numbers, gold: Numbers, labels: Sequence[str], budget: int, *, each: int, seed: int) -> tuple[list[int], str]:
    """Rows to be shown, so many of each label in a random order, then one more of each that stands in for a row itself; and a note.

    Args:
        lengths: (rows,) tokens of each row as a demonstration.
        gold: (rows,) its label.
        labels: their names.
        budget: tokens for all demonstrations together.
        each: how many of each label.
        seed: of the draw.

    Raises:
        SpecError: E-RANGE for labels with fewer rows, and where so many do not fit beside a row, with the number that do.
    """
    _refuse_more_than_there_are(gold, labels, each)
    fitting = _fitting(lengths, gold, len(labels), budget, each)
    if min(map(len, fitting)) < each:
        most = next(
            (fewer for fewer in range(each - 1, 0, -1) if min(map(len, _fitting(lengths, gold, len(labels), budget, fewer))) >= fewer), 0
        )
        what = f"at most {most} do" if most else "not even one does"
        text = f"cloze: {each} demonstrations of each of {plural(len(labels), 'label')} do not fit beside a row: {what}."
        raise SpecError(f"{text} Show fewer, or raise --max-length.", "E-RANGE")
    random = np.random.default_rng([seed, 3])
    taken = [random.permutation(own)[: each + 1].tolist() for own in fitting]
    shown = random.permutation([row for own in taken for row in own[:each]]).tolist()
    rows = sum(map(len, fitting))
    long = f"; {len(gold) - rows} are too long for that" if rows < len(gold) else ""
    return [
        *shown,
        *(row for own in taken for row in own[each:]),
    ], f"demonstrations: {each} of each label, drawn from {rows} training rows{long}"


def _fitting(lengths: Numbers, gold: Numbers, labels: int, budget: int, each: int) -> list[Numbers]:
    """Of each label the rows that are no longer than the share of one demonstration, so that short ones are not preferred."""
    return [np.flatnonzero((gold == label) & (lengths <= budget // (each * labels))) for label in range(labels)]


def _refuse_more_than_there_are(gold: Numbers, labels: Sequence[str], each: int) -> None:
    problems = Problems(f"cloze(demonstrations={each})")
    for label, size in zip(labels, np.bincount(gold, minlength=len(labels)).tolist(), strict=True):
        if size < each:
            problems.add(f'label "{label}" has {plural(size, "training row")}. Show so many at most.', "E-RANGE")
    problems.raise_if_any(SpecError)
