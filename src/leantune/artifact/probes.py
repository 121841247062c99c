"""Made-up rows of the kind that a model reads, of its tokenizer's own words: an artifact keeps no rows to prove its other forms with.

rows = made_up(tokenizer, facts, most=48, count=24)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from leantune.artifact.manifest import Facts
from leantune.artifact.parity import GoldenRow
from leantune.core import catalogue
from leantune.data import focus
from leantune.kinds.task import Task

OPTIONS = 3


def made_up(tokenizer: Any, facts: Facts, *, most: int, count: int) -> list[GoldenRow]:
    """Rows as `golden.json` keeps them.

    Args:
        tokenizer: of the model.
        facts: of the artifact: what a row is.
        most: tokens of a text at most.
        count: rows.
    """
    random = np.random.default_rng(0)
    special = set(tokenizer.all_special_ids)
    words = [number for number in range(len(tokenizer)) if number not in special]

    def text() -> str:
        return str(tokenizer.decode(random.choice(words, size=int(random.integers(1, most))))).strip() or "a"

    return [_row(facts, text, random) for _ in range(count)]


def _row(facts: Facts, text: Callable[[], str], random: np.random.Generator) -> GoldenRow:
    if facts.words:
        own = text().split()
        return own, focus.written([int(random.integers(len(own)))]) if facts.focused else None
    if facts.pieces == "chat":
        return json.dumps([{"role": "user", "content": text()}], ensure_ascii=False), None
    if facts.chooses:
        return text(), json.dumps([f"{place} {text()}" for place in range(OPTIONS)])
    task: Task = catalogue.load("tasks", facts.task)
    first = f"{text()} <e1>{text()}</e1> {text()} <e2>{text()}</e2>" if task.pattern else text()
    return first, text() if facts.paired else None
