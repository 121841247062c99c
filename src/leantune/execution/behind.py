"""Behind a prompt: how rows stand in its words, and how many of them are cut there, which their own lengths do not tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leantune.core.human import percent
from leantune.data.examples import Examples
from leantune.data.pieces._cloze import Cloze
from leantune.data.pieces._several import Several
from leantune.data.seen import Seen, seen
from leantune.execution.context import Context

MOST_COUNTED = 1_000
"""Rows that are looked at; of more an even draw."""


def read_behind(context: Context, texts: Sequence[str]) -> tuple[Seen, ...]:
    """What the base reads of a row behind each template."""
    pieces = context.pieces
    members = pieces.members if isinstance(pieces, Several) else (pieces,)
    tokenizer, length = context.base.tokenizer, context.conditions.max_length
    return tuple(seen(tokenizer, member, list(texts), length) for member in members if isinstance(member, Cloze))


def cut_behind(context: Context, rows: Examples) -> list[bool]:
    """Whether something is left out behind any template, of each row that is looked at; empty where no prompt changes the text."""
    if context.worded is None or context.worded.pieces is None or not len(rows):
        return []
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_COUNTED)).astype(np.int64))
    return [any(one.left_out for one in read_behind(context, texts_of(row))) for row in rows.take(places)]


def cautions(context: Context) -> list[str]:
    """What a reader should know of how the rows and the words of a trial are read behind its prompt; nothing without one."""
    if context.worded is None or not (cut := cut_behind(context, context.dataset.splits["train"])):
        return []
    looked = f"{len(cut):,} training rows" + (" that were looked at" if len(cut) == MOST_COUNTED else "")
    share = percent(sum(cut) / len(cut)) if any(cut) else "none"
    return [
        f"behind the prompt {share} of {looked} {'are' if any(cut) else 'is'} cut",
        *context.worded.prompt.cautions(context.worded.setting),
    ]


def texts_of(row: tuple[str, str | None]) -> list[str]:
    """One or two."""
    return [text for text in row if text is not None]
