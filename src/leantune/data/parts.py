"""Which file is which split: `parts_of(source, dev, test)` gives one readable part for each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from leantune.core.errors import DataError
from leantune.data import splits
from leantune.data.locate import Part, locate
from leantune.data.test_sets import MAIN, given_tests, split_of


def parts_of(source: Any, dev: Any, test: Any) -> dict[str, Part]:
    """One part per split that the user gave; dev and test named by the user replace those of the source.

    Raises:
        DataError: E-SPLIT when there is nothing to train on, or a source of dev or test has several splits and none is it.
    """
    located = locate(source)
    parts = {part.split or "train": part for part in sorted(located, key=lambda part: splits.NAMES.index(part.split or "train"))}
    if "train" not in parts:
        raise DataError(f"{located[0].name}: no split to train on. Splits: {', '.join(sorted(parts))}.", "E-SPLIT")
    if dev is not None:
        parts["dev"] = _held_out(dev, "dev")
    for place, (name, rows) in enumerate(given_tests(test).items()):
        part = _held_out(rows, MAIN)
        # a set that was given by name must have answers; an unnamed hub set without any is left out later
        parts[split_of(str(name)) if place else MAIN] = part if name is None else replace(part, split=None)
    return parts


def _held_out(given: Any, split: str) -> Part:
    located = locate(given)
    fitting = located if len(located) == 1 else [part for part in located if part.split == split]
    if len(fitting) != 1:
        raise DataError(f"{located[0].name}: {len(located)} splits, and none is the {split} split. Name one file.", "E-SPLIT")
    return fitting[0]
