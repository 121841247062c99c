"""The right one of a row's options: its own text, its name, its letter, or its number, counted from 0 or from 1.

All rows of a data set say it in the same way; which one is found out from the training rows and told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leantune.core.errors import DataError, Problems
from leantune.data.columns import Columns
from leantune.data.golds._gold import Gold, Labelled, answers
from leantune.data.intake import Inference
from leantune.data.options import Options, holds_options, options
from leantune.data.table import Table
from leantune.data.values import is_missing

RIGHT = "right option"


def _by_text(said: str, given: Options) -> int | None:
    return given.texts.index(said) if said in given.texts else None


def _by_name(said: str, given: Options) -> int | None:
    return given.names.index(said) if said in given.names else None


def _by_letter(said: str, given: Options) -> int | None:
    found = re.fullmatch(r"\(?([A-Za-z])[.)]?", said)
    return _within(ord(found.group(1).upper()) - ord("A"), given) if found else None


def _from_zero(said: str, given: Options) -> int | None:
    return _within(int(float(said)), given) if re.fullmatch(r"\d+(\.0+)?", said) else None


def _from_one(said: str, given: Options) -> int | None:
    return _within(int(float(said)) - 1, given) if re.fullmatch(r"\d+(\.0+)?", said) else None


def _within(place: int, given: Options) -> int | None:
    return place if 0 <= place < len(given.texts) else None


WAYS: dict[str, Callable[[str, Options], int | None]] = {
    "by its text": _by_text,
    "by its name": _by_name,
    "by its letter": _by_letter,
    "counted from 0": _from_zero,
    "counted from 1": _from_one,
}
"""From what a cell says to the place of the option, from 0; the first way that reads most rows is taken."""


class Choice(Gold):
    """(place of the right option from 0, its text)."""

    arrow = pa.struct([("place", pa.int32()), ("text", pa.string())])
    coded = False
    pieces = "options"

    def reads(self, table: Table, columns: Columns) -> str | None:
        """A second text that holds options."""
        return f'"{columns.text_pair}" holds options' if columns.text_pair and holds_options(table, columns.text_pair) else None

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The name of the one output: how the files say which option is right."""
        read, sizes = Counter[str](), Counter[int]()
        for _, given, said in _rows(train):
            if isinstance(given, Options):
                sizes[len(given.texts)] += 1
                read.update(way for way, find in WAYS.items() if find(said, given) is not None)
        way = max(WAYS, key=lambda one: read[one])  # the first of the best
        name = f"{RIGHT}, {way}"
        for source in (train, *held):
            self.check(source, [name])
        every = f"{min(sizes)} in each row" if len(sizes) == 1 else f"{min(sizes)} to {max(sizes)} in a row"
        notes.append(Inference(what=RIGHT, value=way, why=_why(way, read, train.label)))
        notes.append(Inference(what="number of options", value=every, why=f"counted in {train.place}"))
        return [name]

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Refuse rows whose options are none, and those without a right one."""
        way, problems = _way(labels), Problems(source.place)
        if source.columns.text_pair is None:
            what = (
                f'{source.place}: multiple choice needs the options of each row. Name them with --text-pair COL or --text-pair "A | B | C".'
            )
            raise DataError(what, "E-COLUMN")
        for row, given, said in _rows(source):
            if isinstance(given, str):
                problems.add(f'row {row}, column "{source.columns.text_pair}": {given}', "E-TEXT")
            elif is_missing(said):
                problems.add(f'row {row}, column "{source.label}": no right option is given. Fill it in or delete the row.', "E-LABEL")
            elif WAYS[way](said, given) is None:
                problems.add(f'row {row}, column "{source.label}": {_none_of(said, given, way)}', "E-LABEL")
        problems.raise_if_any()

    def blank(self, words: int) -> Any:
        """None of the options."""
        del words
        return {"place": -1, "text": ""}

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """Place and text of the right option of each row."""
        find, found = WAYS[_way(labels)], []
        for cell, said in zip(cells.column(1).to_pylist(), answers(cells), strict=True):
            given = options(cell)
            place = find((said or "").strip(), given) or 0
            found.append({"place": place, "text": given.texts[place]})
        return pa.array(found, self.arrow)

    def strata(self, gold: pa.Array) -> NDArray[np.int32]:
        """The places."""
        places: NDArray[np.int32] = gold.field("place").to_numpy(zero_copy_only=False)
        return places


def _way(labels: Sequence[str]) -> str:
    return labels[0].removeprefix(f"{RIGHT}, ")


def _rows(source: Labelled) -> Iterator[tuple[int, Options | str, str]]:
    """Number of each row, its options, or what is wrong with them, and what it says is right."""
    for start, cells in source.cells():
        if source.columns.text_pair is None:
            return
        for place, (cell, said) in enumerate(zip(cells.column(1).to_pylist(), answers(cells), strict=True)):
            given: Options | str
            try:
                given = options(cell)
            except ValueError as error:
                given = str(error)
            yield start + place, given, (said or "").strip()


def _why(way: str, read: Counter[str], column: str) -> str:
    other = {"counted from 0": "counted from 1", "counted from 1": "counted from 0"}.get(way)
    if other is None:
        return f'so says "{column}"'
    if read[other] == read[way]:
        return f'"{column}" holds numbers that fit "{other}" as well; write texts to be sure'
    return f'"{column}" holds numbers, {read[way]:,} of which fit; {other} {read[other]:,} would'


def _none_of(said: str, given: Options, way: str) -> str:
    wanted = {"by its text": "the text of", "by its name": "the name of", "by its letter": "the letter of"}.get(way, "the number of")
    counted = f", {way}" if way.startswith("counted") else ""
    return f'"{said[:40]}" is not {wanted} one of the {len(given.texts)} options{counted}. Correct it or delete the row.'


MEMBER = Choice()
