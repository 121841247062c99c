"""Rows without labels beside the labelled ones, for a teacher to label: checked, and kept in the prepared folder.

    kept = keep_unlabelled(dataset, "pool.csv")      kept.rows, kept.digest; the rows are in unlabelled-<digest>.arrow

They belong to no trial but those of a teacher, so the digest of the data does not depend on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from leantune.core.errors import DataError, SpecError
from leantune.core.human import plural
from leantune.core.spec import Spec
from leantune.data.composed import sources
from leantune.data.examples import ExampleChunk, ExampleWriter, Keys, example_fields
from leantune.data.facts import look
from leantune.data.golds._gold import Gold
from leantune.data.inferring import pattern_of
from leantune.data.keys import keys, occurs_in
from leantune.data.manifest import ContentDigest
from leantune.data.unlabelled import Rows, read_rows

if TYPE_CHECKING:
    from leantune.data.dataset import Dataset

UNLABELLED = "unlabelled"
"""Their split."""
OWN = "own"
"""Stands for the digest where the texts of the training rows take their place."""
HANDFUL = 5
"""Labels in a column from which on it is no accident that they are some."""


class Unlabelled(Spec):
    """What was kept."""

    name: str
    """Of the file."""
    digest: str
    """Of the texts."""
    rows: int
    empty: int = 0
    """Rows left out because they have no text."""
    judged: int = 0
    """Rows left out because they are equal to rows of dev or of a test set."""
    labels_in: tuple[str, ...] = ()
    """Columns that hold nothing but labels of the study, under another name than in training; they are not read."""

    def __str__(self) -> str:
        left_out = [
            f"{plural(self.judged, 'row')} left out that dev or a test set has too: a model must not learn from what judges it",
            f"{plural(self.empty, 'row')} left out without a text",
        ]
        told = [line for line, number in zip(left_out, (self.judged, self.empty), strict=True) if number]
        told += [f'column "{name}" holds nothing but labels and is not read; labels count in the training file' for name in self.labels_in]
        return f"unlabelled: {plural(self.rows, 'row')} of {self.name}" + (f" ({'; '.join(told)})" if told else "")


def own_texts(rows: int) -> Unlabelled:
    """The texts of so many training rows, without their labels."""
    return Unlabelled(name="train", digest=OWN, rows=rows)


def file_of(digest: str) -> str:
    """Name of the file in the prepared folder."""
    return f"{UNLABELLED}-{digest}.arrow"


def keep_unlabelled(dataset: Dataset, source: Any) -> Unlabelled:
    """Read, check and keep unlabelled rows beside prepared data; the texts are in columns of the same names.

    Raises:
        SpecError: E-OPTION where every text brings its own answers.
        DataError: E-LABEL where they have labels, E-TEXT where no row is left, and whatever is wrong with the file.
    """
    if dataset.gold.blank(0) is None:
        raise SpecError(
            f"--unlabelled: texts bring their own answers in {dataset.task}, so a teacher has nothing to add. Put them into the training "
            "file instead.",
            "E-OPTION",
        )
    with TemporaryDirectory(dir=dataset.folder) as folder:
        rows = read_rows(source, Path(folder), dataset.columns, dataset.gold.pieces, pattern=pattern_of(dataset.task))
        _refuse_labels(rows, dataset.columns.label)
        judging = np.concatenate([examples.keys for split, examples in dataset.splits.items() if split != "train"])
        found = _Kept(Path(folder) / "kept.arrow", dataset.gold, paired=dataset.columns.text_pair is not None, judging=judging)
        for chunk in rows.chunks():
            found.add(chunk)
        kept = found.close(rows.name).model_copy(update={"labels_in": _other_labels(rows, dataset.labels)})
        if not kept.rows:
            raise DataError(f"{rows.name}: no row is left ({kept}).", "E-TEXT")
        found.writer.path.replace(dataset.folder / file_of(kept.digest))
    return kept


def _refuse_labels(rows: Rows, label: str | None) -> None:
    if label is None or label not in rows.table.columns or look(rows.table, [label])[label].distinct == 0:
        return
    remedy = f'Drop the column "{label}" there if the labels shall not count, or add the rows to the training file'
    raise DataError(f'{rows.name}: the rows have labels in "{label}", and --unlabelled takes texts alone. {remedy}.', "E-LABEL")


def _other_labels(rows: Rows, labels: Sequence[str]) -> tuple[str, ...]:
    """Columns that are not read and have labels of the study in every cell that is not empty."""
    read = {source for name in rows.columns.read for source in sources(name, rows.table.columns) or [name]}
    others, known = [name for name in rows.table.columns if name not in read], set(labels)
    facts = look(rows.table, others) if others else {}
    return tuple(name for name, one in facts.items() if one.values and one.values <= known and one.rows - one.missing >= HANDFUL)


class _Kept:
    """Writes the rows that stay."""

    def __init__(self, path: Path, gold: Gold, *, paired: bool, judging: Keys) -> None:
        self.writer = ExampleWriter(path, example_fields(paired=paired, words=gold.words, gold=gold.arrow))
        self.gold, self.judging, self.digest = gold, judging, ContentDigest()
        self.empty = self.judged = 0

    def add(self, chunk: ExampleChunk) -> None:
        texts = [chunk.texts] + ([] if chunk.pairs is None else [chunk.pairs])
        whole = np.array([all(text.strip() for text in row) for row in zip(*texts, strict=True)], dtype=bool)
        key = keys(*texts)
        judged = occurs_in(key, self.judging) & whole
        places = np.flatnonzero(whole & ~judged)
        self.empty, self.judged = self.empty + int((~whole).sum()), self.judged + int(judged.sum())
        columns = [pa.array([column[place] for place in places], pa.string()) for column in texts]
        for column in columns:
            self.digest.add_texts(column)
        words = [[] if chunk.words is None else chunk.words[place] for place in places]
        blanks = pa.array([self.gold.blank(len(row)) for row in words], self.gold.arrow)
        columns += [pa.array(words, pa.list_(pa.string()))] * self.gold.words
        assert chunk.rows is not None
        self.writer.write([*columns, blanks, chunk.rows[places], key[places]])

    def close(self, name: str) -> Unlabelled:
        self.writer.close()
        return Unlabelled(name=name, digest=self.digest.name(), rows=self.writer.rows, empty=self.empty, judged=self.judged)
