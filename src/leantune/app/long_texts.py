"""Whether the way that the user named for long texts goes with the rows of the task, and with the base."""

from __future__ import annotations

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.core.long import Long
from leantune.data.dataset import Dataset
from leantune.data.pieces._pieces import Pieces, require_fast
from leantune.kinds.prompt import columns_of
from leantune.kinds.task import Task
from leantune.models.base import Base
from leantune.models.heads import pieces_of
from leantune.models.surprise import unfit


def long_of(text: str, dataset: Dataset, base: Base) -> Long:
    """The way, for rows of one text or two.

    Raises:
        SpecError: E-NAME for a field that is not there, E-OPTION for a way that the task cannot go, E-RANGE for a stride that leaves gaps,
            E-MODEL without a fast tokenizer.
    """
    columns = dataset.columns
    found = Long.parse(text, columns_of(columns.text, columns.text_pair)).of(paired=columns.text_pair is not None)
    if found.is_head:
        return found
    if reason := _unfit(found, dataset, base):
        raise SpecError(f"--long {text}: {reason}", "E-OPTION")
    require_fast(base.tokenizer)
    stride, room = (found.windows.stride if found.windows else None), base.max_length - base.count_tokens([""])[0]
    if stride is not None and stride > room:
        message = f"--long {text}: a stride of {stride} leaves gaps between windows of {room} tokens ({base.max_length} with special ones)."
        raise SpecError(f"{message} Use {max(1, room * 3 // 4)}, or raise --max-length.", "E-RANGE")
    return found


def _unfit(long: Long, dataset: Dataset, base: Base) -> str | None:
    """Why the rows of the task cannot be read so, and what can be done instead."""
    task: Task = catalogue.load("tasks", dataset.task)
    kind: Pieces = catalogue.load("data.pieces", pieces_of(dataset.gold.pieces, base.config))
    if not kind.whole:
        rows = f"rows of {dataset.task} are not texts that are read as a whole"
        if kind.overlapping:
            return f"{rows}; long ones are read in overlapping pieces as it is, so nothing of them is lost. Leave --long out."
        return f"{rows}. Leave --long out, and raise --max-length where too much is cut."
    if task.pattern and (long.windows or long.selects or long.compresses):
        return f"a row of {dataset.task} marks two places, which must stand in one piece. Use tail or both, or raise --max-length."
    if long.compresses and (reason := unfit(base)):
        return f"{reason}. Use select, which needs no model, or tail, both, windows."
    return None
