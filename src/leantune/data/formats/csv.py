"""CSV: RFC 4180 read strictly, so that a shifted row or an open quote is an error with its line, never a shifted column."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from leantune.core.errors import some
from leantune.data.dialect import Dialect, sniff
from leantune.data.intake import Format, Inference, Intake
from leantune.data.table import CHUNK_ROWS, Chunk

_SAMPLE = 1 << 20
LONGEST_FIELD = 1 << 24
"""Characters of one field; more means an open quote (or a book)."""


def read(intake: Intake) -> Iterator[Chunk]:
    """Chunks of a comma-separated file (semicolon, tab and bar are recognised)."""
    return read_delimited(intake, preferred=",")


def read_delimited(intake: Intake, preferred: str) -> Iterator[Chunk]:
    """Chunks of a delimited file with a header line."""
    csv.field_size_limit(LONGEST_FIELD)
    with intake.path.open(encoding=intake.encoding, newline="") as file:
        dialect = sniff(file.read(_SAMPLE), preferred)
    _tell(intake, dialect, preferred)
    with intake.path.open(encoding=intake.encoding, newline="") as file:
        reader = dialect.reader(file)
        rows = _records(reader, intake)
        header = _header(next(rows, None), intake)
        if header:
            yield from _chunks(rows, header, intake, dialect)


def _tell(intake: Intake, dialect: Dialect, preferred: str) -> None:
    if dialect.delimiter != preferred:
        intake.inferences.append(
            Inference(
                what="delimiter",
                value=dialect.name,
                why=f"{intake.path.name}: the header holds it and the rows fit; rename or convert the file",
            )
        )
    if not dialect.quoted:
        intake.inferences.append(
            Inference(
                what="quotes",
                value="part of the text",
                why=f"{intake.path.name}: they do not close as CSV quotes, while every line splits evenly",
            )
        )


def _records(reader: Any, intake: Intake) -> Iterator[tuple[int, list[str]]]:
    """(first line, fields) of each record; blank lines are skipped and counted; broken quoting ends the file."""
    line, waiting, blank = 1, list[int](), list[int]()
    try:
        for fields in reader:
            if fields:
                blank += waiting
                waiting.clear()
                yield line, fields
            else:
                waiting.append(line)
            line = reader.line_num + 1
        intake.note_blank(blank)
    except csv.Error as error:
        place = f"line {line}" if reader.line_num <= line else f"lines {line} to {reader.line_num}"
        intake.problems.add(f"{place}: {_explain(str(error))}", "E-FORMAT")


def _explain(fault: str) -> str:
    if "field larger" in fault:
        return "a field never ends: a quote that opens there is not closed. Close it, or double it when it belongs to the text."
    if "unexpected end" in fault:
        return "a quote that opens there is not closed before the file ends. Close it, or double it when it belongs to the text."
    return "a quoted field is followed by more text. Close the quote before the delimiter, or double it when it belongs to the text."


def _header(record: tuple[int, list[str]] | None, intake: Intake) -> list[str]:
    if record is None:
        if not intake.problems:
            intake.problems.add("the file is empty. It needs a header line such as text,label and one line per row.", "E-FORMAT")
        return []
    names = [name.strip() or f"unnamed_{index}" for index, name in enumerate(record[1], 1)]
    if unnamed := [name for name, given in zip(names, record[1], strict=True) if not given.strip()]:
        intake.inferences.append(
            Inference(what="columns without a name", value=some(unnamed), why=f"{intake.path.name}: they are called by their place")
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        listed = ", ".join(f'"{name}" (columns {", ".join(str(i) for i, other in enumerate(names, 1) if other == name)})' for name in twice)
        intake.problems.add(f"line {record[0]}: the header names a column twice: {listed}. Rename one of them.", "E-COLUMN")
        return []
    return names


def _chunks(rows: Iterator[tuple[int, list[str]]], header: list[str], intake: Intake, dialect: Dialect) -> Iterator[Chunk]:
    width, block, count = len(header), [], 0
    for line, fields in rows:
        count += 1
        if len(fields) == width:
            block.append(fields)
        else:
            intake.problems.add(_shifted(count, line, len(fields), header, dialect), "E-FORMAT")
            if intake.full:
                return
        if len(block) == CHUNK_ROWS:
            yield dict(zip(header, zip(*block, strict=True), strict=True))
            block = []
    if block:
        yield dict(zip(header, zip(*block, strict=True), strict=True))
    if count == 0 and not intake.problems:
        intake.problems.add(f"only a header ({some(header)}) and no rows.", "E-FORMAT")


def _shifted(row: int, line: int, fields: int, header: list[str], dialect: Dialect) -> str:
    width = len(header)
    cause = (
        f"quote fields that hold a {dialect.name}"
        if fields > width
        else f"a {dialect.name} is missing, or a line break inside a field is not quoted"
    )
    s = "" if fields == 1 else "s"
    return f"row {row} (line {line}): {fields} field{s} where the header has {width} ({some(header)}): {cause}."


MEMBER = Format((".csv",), read)
