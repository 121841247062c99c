"""Which split each row goes to: rows are known by their keys, those that belong together stay together, and no split repeats another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc

from leantune.core.errors import DataError
from leantune.data import splits
from leantune.data.deposit import Source
from leantune.data.golds._gold import Gold, Labelled
from leantune.data.intake import Inference
from leantune.data.keys import keys, occurs_in
from leantune.data.locate import Part
from leantune.data.rows import texts_of

SAME_FILE = 0.95
"""Share of a held-out split's rows in train from which on it counts as the same file."""


def numbered(part: Part, source: Labelled, gold: Gold, labels: Sequence[str]) -> Source:
    """Keys and strata of all rows of a file."""
    columns, rows = source.columns, source.table.rows
    strata, first = np.empty(rows, np.int32), np.empty(rows, np.uint64)
    whole = np.empty(rows, np.uint64) if columns.text_pair else first
    empty = True
    for start, cells in source.cells():
        span = slice(start - 1, start - 1 + cells.num_rows)
        texts = texts_of(cells, columns, gold.pieces)
        strata[span] = gold.strata(gold.read(cells, labels))
        first[span] = keys(texts[-1 if gold.pieces == "spans" else 0].to_pylist())
        if columns.text_pair:
            whole[span] = keys(*(column.to_pylist() for column in texts))
        empty = empty and not pc.any(pc.greater(pc.binary_length(texts[0]), 0)).as_py()
    if empty:
        raise DataError(f'{part.name}, column "{columns.text}": every text is empty. Name the text with --text COL.', "E-TEXT")
    return Source(part, source, strata, whole, first if gold.grouped else _groups(whole, first))


def _groups(whole: splits.Array, first: splits.Array) -> splits.Array:
    """Pairs that share their first text (questions: that are about the same text) stay together, unless few make up the whole file."""
    sample = first[:100_000]
    return first if whole is first or len(np.unique(sample)) * 20 >= len(sample) else whole


def places_of(sources: dict[str, Source], seed: int, notes: list[Inference]) -> splits.Array:
    """Split number of each row of the train source."""
    _refuse_same(sources)
    cut = [number for number, name in enumerate(splits.NAMES) if name not in sources]
    train = sources["train"]
    try:
        place = splits.assign(train.groups, train.strata, seed=seed, cut=cut)
    except DataError as error:
        raise DataError(f"{train.part.name}: {error.message}", error.code) from None
    if cut:
        sizes = ", ".join(f"{int((place == number).sum()):,} {name}" for number, name in enumerate(splits.NAMES) if number in (0, *cut))
        options = " ".join(f"--{splits.NAMES[number]} FILE" for number in cut)
        by_label = "stratified by label, " if len(np.unique(train.strata)) > 1 else ""
        why = f"cut from {train.part.name}: {by_label}seed {seed}, rows with the same text together"
        notes.append(Inference(what="split", value=f"{sizes} rows", why=why, override=options))
    return place


def _refuse_same(sources: dict[str, Source]) -> None:
    """Two splits that hold the same rows cannot tell memory from skill; two test sets may share rows."""
    tests = [split for split in sources if split not in ("train", "dev")]
    for held, other in [*((test, "train") for test in tests), ("dev", "train"), *((test, "dev") for test in tests)]:
        if held in sources and other in sources:
            share = float(occurs_in(sources[held].keys, sources[other].keys).mean())
            if share > SAME_FILE:
                cut = f", or leave --{held} out and let it be cut" if held in splits.NAMES else ""
                raise DataError(
                    f"{sources[held].part.name} ({held}): {share:.0%} of its {len(sources[held].keys):,} rows are also in "
                    f"{sources[other].part.name} ({other}). Give rows that {other} does not hold{cut}.",
                    "E-SPLIT",
                )
