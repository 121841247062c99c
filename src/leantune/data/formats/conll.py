"""CoNLL columns: one word per line with its tags beside it, a blank line after each sentence.

    EU B-ORG            the first column is the word, the last one its tag (CoNLL-2003); further columns are tags_2, tags_3 ...
    rejects O

CoNLL-U (ten columns between tabs) gives tokens and upos; lines of comments, words of several tokens and empty nodes are skipped.
A row is a sentence: lists of words and of tags. Row numbers are numbers of sentences. Columns of roles (`data.propbank`) give a row for
each predicate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from leantune.data.intake import Format, Inference, Intake, in_chunks
from leantune.data.propbank import predicates
from leantune.data.table import Chunk

_UNIVERSAL = 10
"""Columns of CoNLL-U."""
_RANGE = re.compile(r"\d+[-.]\d+\t")
_START = "-DOCSTART-"
_TAG = re.compile(r"O|[BIESLUM]-\S+|#|SYM|PUNCT")
"""What the tag of the word # can be: of a span, or a part of speech."""


def read(intake: Intake) -> Iterator[Chunk]:
    """Chunks of sentences."""
    roles = predicates(intake)
    return in_chunks(_rows(intake) if roles is None else roles)


def _rows(intake: Intake) -> Iterator[dict[str, Any]]:
    block: list[list[str]] = []
    width, count = 0, 0
    with intake.path.open(encoding=intake.encoding, newline=None) as file:
        for line, text in enumerate(file, 1):
            stripped = text.strip()
            if stripped.startswith(_START) or (not block and _is_comment(stripped, width)):
                continue
            if not stripped:
                if block:
                    count += 1
                    yield _row(block)
                block = []
                continue
            cells = text.rstrip("\n").split("\t") if "\t" in text else stripped.split()
            if len(cells) == _UNIVERSAL and _RANGE.match(text):
                continue
            width = width or _first_width(cells, line, intake)
            if len(cells) != width:
                intake.problems.add(
                    f"line {line}: {len(cells)} columns, the lines before have {width}. Each line needs as many.", "E-FORMAT"
                )
                if intake.full:
                    return
                continue
            block.append(cells)
    if block:
        count += 1
        yield _row(block)
    if count == 0:
        intake.problems.add("the file is empty. It needs one word and its tag per line, and a blank line after each sentence.", "E-FORMAT")


def _is_comment(text: str, width: int) -> bool:
    """Whether a line before a sentence is a comment, as CoNLL-U has them, and not the word # with its tags.

    Args:
        text: the line.
        width: columns of the lines before; 0 in front of them.
    """
    if not text.startswith("# "):
        return False
    cells = text.split()
    return len(cells) != (width or len(cells)) or cells[2:3] == ["="] or _TAG.fullmatch(cells[-1]) is None


def _first_width(cells: list[str], line: int, intake: Intake) -> int:
    if len(cells) < 2:
        intake.problems.add(
            f'line {line}: one column. A word and its tag are needed, with a space or a tab between: "EU B-ORG".', "E-FORMAT"
        )
    kind = "CoNLL-U: FORM and UPOS" if len(cells) == _UNIVERSAL else "words in the first column, tags in the last"
    intake.inferences.append(Inference(what="CoNLL columns", value=str(len(cells)), why=kind))
    return len(cells)


def _row(block: list[list[str]]) -> dict[str, Any]:
    columns = list(zip(*block, strict=True))
    if len(columns) == _UNIVERSAL:
        return {"tokens": list(columns[1]), "upos": list(columns[3])}
    row: dict[str, Any] = {"tokens": list(columns[0])}
    row |= {f"tags_{place}": list(column) for place, column in enumerate(columns[1:-1], 2)}
    return row | {"tags": list(columns[-1])}


MEMBER = Format((".conll", ".conllu", ".bio", ".iob", ".iob2", ".props", ".gold_conll", ".v4_gold_conll", ".conll05", ".conll12"), read)
