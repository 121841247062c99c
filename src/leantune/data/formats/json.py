"""JSON: one array of objects, decoded piece by piece, so that a long array needs no more memory than a short one.

A file called .json that holds one object per line is read as JSON Lines, and one of SQuAD as questions; both are said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from leantune.data.formats.jsonl import read as read_lines
from leantune.data.intake import Format, Inference, Intake, in_chunks
from leantune.data.objects import DECODER, fault, object_fault
from leantune.data.squad import questions
from leantune.data.table import Chunk

_BLOCK = 1 << 20
_SPACE = " \t\r\n"


def read(intake: Intake) -> Iterator[Chunk]:
    """Chunks of a file that holds one array of objects."""
    start = _first_letter(intake.path, intake.encoding)
    if start == "{" and _is_lines(intake):
        intake.inferences.append(
            Inference(what="format", value="JSON Lines", why=f"{intake.path.name} holds one object per line, no array")
        )
        return read_lines(intake)
    if start == "{" and (asked := questions(intake)) is not None:
        return in_chunks(asked)
    if start != "[":
        found = (
            "the file is empty" if not start else "the file starts with an object" if start == "{" else f"the file starts with {start!r}"
        )
        intake.problems.add(f'{found}; an array of objects is needed: [{{"text": "...", "label": "..."}}, ...].', "E-FORMAT")
        return iter(())
    return in_chunks(_rows(intake))


def _first_letter(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding) as file:
        while block := file.read(4096):
            if block.strip():
                return block.strip()[0]
    return ""


def _is_lines(intake: Intake) -> bool:
    with intake.path.open(encoding=intake.encoding) as file:
        try:
            return isinstance(json.loads(next(line for line in file if line.strip())), dict) and any(line.strip() for line in file)
        except (ValueError, RecursionError):
            return False


def _rows(intake: Intake) -> Iterator[dict[str, Any]]:
    with intake.path.open(encoding=intake.encoding) as file:
        source, row = _Source(file), 0
        source.take("[")
        while True:
            letter = source.peek()
            if letter == "]" and row == 0:
                intake.problems.add("the array is empty: there are no rows.", "E-FORMAT")
                return
            row += 1
            try:
                value = source.value()
            except (ValueError, RecursionError) as error:
                place = f"row {row} (line {source.fault_line(error)})"
                broken = source.fault(error) if isinstance(error, ValueError) else "nested too deeply"
                intake.problems.add(f"{place}: {broken}.", "E-FORMAT")
                return
            wrong = object_fault(value)
            if wrong:
                intake.problems.add(f"row {row} (line {source.line}): {wrong}.", "E-FORMAT")
                if intake.full:
                    return
            else:
                yield value
            if not source.goes_on(row, intake):
                return


class _Source:
    """A window over the file: what is decoded falls out of it."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.text, self.at, self.line, self.ended = file, "", 0, 1, False

    def peek(self) -> str:
        """The next letter that is no space, or "" at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _SPACE:
                self.line += self.text[self.at] == "\n"
                self.at += 1
            if self.at < len(self.text) or not self._more(_BLOCK):
                return self.text[self.at : self.at + 1]

    def take(self, letter: str) -> bool:
        """Step over `letter` if it comes next."""
        if self.peek() != letter:
            return False
        self.at += 1
        return True

    def value(self) -> Any:
        """Decode the next value, reading on while it is cut off."""
        self.peek()
        while True:
            try:
                found, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError:
                if self._more(max(_BLOCK, len(self.text))):
                    continue
                raise
            if end == len(self.text) and self._more(_BLOCK):
                continue
            self.line += self.text.count("\n", self.at, end)
            self.at = end
            return found

    def goes_on(self, row: int, intake: Intake) -> bool:
        """Whether a comma follows; notes a missing one, a missing bracket and text behind the array."""
        if self.take(","):
            return True
        if not self.take("]"):
            rest = self.peek()
            wrong = f"{rest!r} where a comma or the closing bracket is needed" if rest else "the file ends before the array is closed"
            intake.problems.add(f"behind row {row} (line {self.line}): {wrong}.", "E-FORMAT")
        elif self.peek():
            intake.problems.add(f"line {self.line}: more text behind the end of the array.", "E-FORMAT")
        return False

    def fault(self, error: ValueError) -> str:
        """One clause about a value that could not be decoded."""
        return fault(error, self.text, self.at)

    def fault_line(self, error: Exception) -> int:
        """The line of a decoding fault."""
        end = error.pos if isinstance(error, json.JSONDecodeError) else self.at
        return self.line + self.text.count("\n", self.at, end)

    def _more(self, size: int) -> bool:
        block = self.file.read(size)
        self.text, self.at = self.text[self.at :] + block, 0
        return bool(block)


MEMBER = Format((".json",), read)
