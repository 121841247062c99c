"""One label per row out of a closed list. Labels are texts and stay what they were; their order is alphabetical."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leantune.core.errors import DataError, Problems, nearest, some
from leantune.data.facts import Facts
from leantune.data.golds._gold import Gold, Labelled
from leantune.data.intake import Inference
from leantune.data.table import SHOWN_ROWS, Table
from leantune.data.values import is_missing

_TOO_MANY = 10_000
_PRINTED_LIST = re.compile(r"""\[\s*(['"]).*\1\s*\]""", re.DOTALL)
"""A list of texts as Python prints it, which pandas writes into a CSV file."""


class Label(Gold):
    """The number of a label."""

    arrow = pa.int32()
    closed = True

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The labels of train; the other files may have no further ones."""
        del notes
        counts = count_labels(train.table, train.label, train.place)
        check_no_lists(counts, train)
        check_counts(counts, train.label, train.place)
        labels = sorted(counts)
        for source in held:
            self.check(source, labels)
        return labels

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse missing and unknown labels."""
        counts = count_labels(source.table, source.label, source.place)
        check_known(counts, labels, source.label, place=source.place, table=source.table)

    def check_cuttable(self, train: Labelled) -> None:
        """Each label needs two rows."""
        check_single_rows(count_labels(train.table, train.label, train.place), train.label, train.place, train.table)

    def blank(self, words: int) -> Any:
        """No label."""
        del words
        return -1

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """Index of each label in `labels`."""
        return pc.index_in(cells.column(cells.num_columns - 1), value_set=pa.array(labels, pa.string())).cast(pa.int32())

    def strata(self, gold: pa.Array) -> NDArray[np.int32]:
        """The labels themselves."""
        numbers: NDArray[np.int32] = gold.to_numpy(zero_copy_only=False)
        return numbers


def count_labels(table: Table, column: str, place: str) -> Counter[str]:
    """Rows per label, and an error that names the rows without one.

    Raises:
        DataError: E-LABEL.
    """
    counts: Counter[str] = Counter()
    missing, missing_rows, start = 0, list[int](), 0
    for batch in table.batches([column]):
        values = batch.column(0)
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True).to_numpy(zero_copy_only=False)
        missing += int(blank.sum())
        if len(missing_rows) < SHOWN_ROWS:
            missing_rows.extend((start + 1 + np.flatnonzero(blank)[:SHOWN_ROWS]).tolist())
        for entry in pc.value_counts(values).to_pylist():
            if not is_missing(entry["values"]):
                counts[entry["values"]] += entry["counts"]
        start += batch.num_rows
        if len(counts) > _TOO_MANY and len(counts) > start // 2:
            raise _no_label(place, column, f"more than {_TOO_MANY:,} different values in {start:,} rows")
    _check_missing(place, column, missing, missing_rows, table.rows)
    return counts


def check_no_lists(counts: Mapping[str, int], source: Labelled) -> None:
    """Check that no label is a list that was written down as a text.

    Raises:
        DataError: E-LABEL with the rows.
    """
    lists = sorted(label for label in counts if _PRINTED_LIST.fullmatch(label.strip()))
    if not lists:
        return
    rows = sorted(row for found in rows_of(source.table, source.label, lists).values() for row in found)
    raise DataError(
        f'{source.place} row {some(rows, SHOWN_ROWS)}, column "{source.label}": a list where a label is needed, written down as '
        f'{lists[0][:40]}. Write the label itself; for several in a row write ["a", "b"] or a;b and use --task multilabel.',
        "E-LABEL",
    )


def check_counts(counts: Mapping[str, int], column: str, place: str) -> None:
    """Check that the train labels are something to classify into.

    Raises:
        DataError: E-LABEL when there is one label only, nearly as many as rows, or a measured number.
    """
    rows = sum(counts.values())
    facts = Facts(column, rows=rows, values=set(counts))
    if facts.fractional and len(counts) > max(10, rows // 100):
        raise DataError(
            f'{place}, column "{column}": {facts.counted}, all numbers ({some(sorted(counts), 4)}). To predict '
            "the number use --task regression; else put the numbers into classes first, or name another column with --label COL.",
            "E-LABEL",
        )
    if len(counts) == 1:
        label = next(iter(counts))
        raise DataError(
            f'{place}, column "{column}": all {rows:,} rows have the label "{label}". At least two labels are needed.',
            "E-LABEL",
        )
    if len(counts) > max(2, rows // 2):
        raise _no_label(place, column, facts.counted)


def check_single_rows(counts: Mapping[str, int], column: str, place: str, table: Table) -> None:
    """Check that each label has two rows, which cutting dev or test from a file needs.

    Raises:
        DataError: E-LABEL with the rows.
    """
    single = sorted(label for label, count in counts.items() if count == 1)
    if not single:
        return
    rows = rows_of(table, column, single)
    listed = some([f'"{label}" (row {rows[label][0]})' for label in single])
    raise DataError(
        f'{place}, column "{column}": {len(single)} label{"s have" if len(single) > 1 else " has"} one row only: {listed}. '
        "One row cannot be learned and tested. Add rows, merge the label into another, or delete the row.",
        "E-LABEL",
    )


def check_known(counts: Mapping[str, int], known: Sequence[str], column: str, *, place: str, table: Table) -> None:
    """Check that a dev or test table has no label that train never shows.

    Raises:
        DataError: E-LABEL with rows and the nearest label.
    """
    unseen = sorted(set(counts) - set(known))
    if not unseen:
        return
    rows, problems = rows_of(table, column, unseen), Problems(place)
    for label in unseen:
        close = nearest(label, known)
        hint = f' Closest: "{close}".' if close else ""
        problems.add(
            f'row {some(rows[label], 4)}, column "{column}": the label "{label}" ({counts[label]:,} '
            f"row{'' if counts[label] == 1 else 's'}) never occurs in train.{hint} Correct it, delete the rows or add such rows to train.",
            "E-LABEL",
        )
    problems.raise_if_any()


def rows_of(table: Table, column: str, labels: Sequence[str]) -> dict[str, list[int]]:
    """Row numbers (from 1) of each of the labels; the first hundred each."""
    found: dict[str, list[int]] = {label: [] for label in labels}
    start, wanted = 0, pa.array(labels, pa.string())
    for batch in table.batches([column]):
        values = batch.column(0)
        for index in np.flatnonzero(pc.is_in(values, value_set=wanted).to_numpy(zero_copy_only=False)).tolist():
            rows = found[values[index].as_py()]
            if len(rows) < 100:
                rows.append(start + index + 1)
        start += batch.num_rows
    return found


def _check_missing(place: str, column: str, missing: int, rows: list[int], total: int) -> None:
    if not missing:
        return
    if missing == total:
        raise DataError(
            f'{place}, column "{column}": no row has a label. Use this file with `leantune predict`, or name another column.', "E-LABEL"
        )
    listed = some(rows[:SHOWN_ROWS]) + (f" ({missing - SHOWN_ROWS:,} more)" if missing > SHOWN_ROWS else "")
    raise DataError(
        f'{place} row {listed}, column "{column}": the label is missing in {missing:,} of {total:,} rows. Fill it in or delete the row.',
        "E-LABEL",
    )


def _no_label(place: str, column: str, found: str) -> DataError:
    return DataError(
        f'{place}, column "{column}": {found} is no set of labels but looks like an id or a text. Name the label with --label COL.',
        "E-LABEL",
    )


MEMBER = Label()
