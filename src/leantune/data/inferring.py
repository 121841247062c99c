"""Which columns are in use, and which task they are for: named by the user, or worked out from what stands in them."""

from __future__ import annotations

import re

from leantune.core import catalogue
from leantune.data.columns import Columns, Wanted, infer_columns, require_columns
from leantune.data.entities import MADE_TAGS, TOKENS
from leantune.data.facts import look
from leantune.data.golds._gold import Gold
from leantune.data.intake import Inference
from leantune.data.locate import Part
from leantune.data.marks import marked_columns
from leantune.data.names import plain
from leantune.data.request import Request
from leantune.data.rows import nests
from leantune.data.table import MARKED, Table

DEFAULT_TASK = "classification"
"""The task of labelled texts when none is named."""


def columns_and_task(
    parts: dict[str, Part], tables: dict[str, Table], request: Request, notes: list[Inference]
) -> tuple[Columns, str, str]:
    """The columns in use, the task, named or inferred, and why it is this one ("" for the default)."""
    tasks = [request.task] if request.task else catalogue.names("tasks")
    names = tuple(name for task in tasks for name in catalogue.load("tasks", task).focus)
    marked = MARKED if MARKED in tables["train"].columns else None
    named = (request.text, request.text_pair, request.label)
    if (pair := parts["train"].pair) and named == (None, None, None):
        named = (pair[0], None, pair[1])
    made = {TOKENS, MADE_TAGS}.issubset(tables["train"].columns)
    if made and any(name and name not in tables["train"].columns for name in (request.text, request.label)):
        named = (TOKENS, None, MADE_TAGS)  # what was named held texts and places; these are made of them
    labelled = request.task is None or gold_of(request.task).labelled
    about = bool(request.task and names)
    wanted = Wanted(marked or named[0], *named[1:], label_needed=labelled, focus=names, focus_needed=about)
    columns, inferred = infer_columns(tables["train"], parts["train"].name, wanted)
    notes.extend(inferred)
    task, why = (request.task, "as you asked") if request.task else _inferred_task(tables["train"], columns)
    gold = gold_of(task)
    for split, table in tables.items():
        own = placed(split, table, columns, gold)
        require_columns(table, parts[split].name, own, nests=nests(own, gold))
        if own.label != columns.label:
            why = f'{parts[split].name} has this column for the answers instead of "{columns.label}"'
            notes.append(Inference(what=f"{split} label column", value=f'"{own.label}"', why=why))
    return columns, task, why


def gold_of(task: str) -> Gold:
    """The kind of answers of a task."""
    gold: Gold = catalogue.load("data.golds", catalogue.load("tasks", task).gold)
    return gold


def placed(split: str, table: Table, columns: Columns, gold: Gold) -> Columns:
    """Where the columns stand in the file of a split."""
    return marked_columns(table, columns if split == "train" else gold.placed(table, columns))


def _inferred_task(table: Table, columns: Columns) -> tuple[str, str]:
    """The task whose kind of answers the label column must be, or whose marks most texts have, and why; else the default one and ""."""
    label = str(columns.label)
    facts, nested, of_words = look(table, [label])[label], table.nested.get(label), _is_of_words(table, columns)
    found = list[tuple[str, str]]()
    for name in catalogue.names("tasks"):
        task = catalogue.load("tasks", name)
        if task.focus and plain(columns.text_pair or "") not in task.focus:
            continue
        if task.pattern and _most_have(table, columns.text, task.pattern):
            return name, "texts have the marks of its things"
        gold = catalogue.load("data.golds", task.gold)
        if why := gold.reads(table, columns) or gold.suits(facts, nested, of_words=of_words):
            if task.condenses and (better := task.fits(look(table, [columns.text])[columns.text].mean_length, facts.mean_length)):
                return name, better
            why = f'{why}, and "{columns.text_pair}" says which word it is about' if task.focus else why
            found += [(name, why)] if task.inferred else []
    return found[0] if found else (DEFAULT_TASK, "")


def pattern_of(task: str) -> str | None:
    """What every text of a task has in it."""
    pattern: str | None = catalogue.load("tasks", task).pattern
    return pattern


def _most_have(table: Table, column: str, pattern: str) -> bool:
    """Whether the pattern is found in more than half of the first texts; the others are told as mistakes when the rows are read."""
    texts = next(iter(table.batches([column]))).column(0).to_pylist()
    return 2 * sum(bool(re.search(pattern, text or "")) for text in texts) > len(texts)


def _is_of_words(table: Table, columns: Columns) -> bool:
    """Whether most rows are lists; a few among texts are a mistake, and a few missing lists among lists are another."""
    nested = table.nested.get(columns.text)
    return nested is not None and nested.kind == "a list" and 2 * nested.count > table.rows
