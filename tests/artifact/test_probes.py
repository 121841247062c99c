"""Made-up rows are such as the model reads: an export is proven on them, whatever the task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from leantune.artifact.manifest import Facts
from leantune.artifact.parity import as_row
from leantune.artifact.probes import made_up
from leantune.artifact.rows import chunk_of
from leantune.core import catalogue
from leantune.models.base import open_base

KINDS = {
    "classification": ("text", None),
    "ranking": ("text", "answer"),
    "relation": ("text", None),
    "tagging": ("words", None),
    "roles": ("focus", "predicate_index"),
    "arguments": ("focus", "trigger"),
    "choice": ("options", "options"),
    "answering": ("spans", "context"),
    "chat": ("chat", None),
    "causal_lm": ("passage", None),
}


@pytest.mark.parametrize("task", KINDS)
def test_a_model_takes_the_rows_that_are_made_up_for_it(tiny: Callable[[str], Path], task: str) -> None:
    pieces, second = KINDS[task]
    facts = Facts(task=task, labels=["no", "yes"], method="full", outputs=2, pieces=pieces, text_pair=second)
    rows = made_up(open_base(str(tiny("bert"))).tokenizer, facts, most=12, count=40)
    chunk = chunk_of([as_row(row, facts) for row in rows], facts, catalogue.load("tasks", task).pattern)
    assert len(chunk.texts) == len(set(map(str, rows))) == 40
    assert all(text.strip() for text in chunk.texts)
