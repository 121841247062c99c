"""Lengths: how many tokens rows and targets have, and how many of them are cut.

found = measured(dataset, ruler)
found.texts.cut        share of the rows that lose tokens
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from leantune.core import catalogue
from leantune.core.long import USUAL, Long
from leantune.data.checks._rows import Row, rows
from leantune.data.dataset import Dataset
from leantune.data.pieces._pieces import Pieces, Room
from leantune.data.table import CHUNK_ROWS

TokenCounter = Callable[[list[str], list[str] | None], Sequence[int]]
"""Tokens of each text (with its pair) as it is read, special tokens included, nothing cut off."""

T = TypeVar("T")

MOST_MEASURED = 50_000
"""Rows whose tokens are counted, evenly drawn over all splits."""
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class Ruler:
    """How tokens are counted, and how many there may be."""

    count: TokenCounter
    room: Room
    bare: TokenCounter | None = None
    """The same without special tokens, for what is written."""
    pieces: str | None = None
    """How the base reads rows, a name of `data.pieces`; that of the answers when not given."""
    long: Long = USUAL
    """How texts are read that are too long."""

    def kind(self, dataset: Dataset) -> Pieces:
        """How rows become pieces."""
        found: Pieces = catalogue.load("data.pieces", self.pieces or dataset.gold.pieces)
        return found


@dataclass(frozen=True)
class Measure:
    """Tokens of texts, and how many each may have."""

    tokens: NDArray[np.int64]
    most: int

    @property
    def cut(self) -> float:
        """Share of the texts that are longer."""
        return float((self.tokens > self.most).mean()) if len(self.tokens) else 0.0

    @property
    def lost(self) -> float:
        """Share of all tokens that are beyond what each text may have."""
        return float((self.tokens - self.most).clip(0).sum() / max(1, self.tokens.sum()))

    @property
    def quantiles(self) -> dict[str, int]:
        """Tokens at some quantiles."""
        return {name: int(np.quantile(self.tokens, at, method="inverted_cdf")) for name, at in _QUANTILES.items() if len(self.tokens)}


@dataclass(frozen=True)
class Lengths:
    """Of the rows of a data set."""

    texts: Measure
    targets: Measure | None
    """None where nothing is written."""


def measured(dataset: Dataset, ruler: Ruler) -> Lengths:
    """Count the tokens of at most about `MOST_MEASURED` rows, evenly drawn over the splits."""
    texts, targets = list[int](), list[int]()
    writes = bool(ruler.room.target) and ruler.bare is not None
    for block in _blocks(dataset):
        texts.extend(_counted(block, ruler.count, dataset.gold.pieces))
    if not writes:
        return Lengths(_measure(texts, ruler.room.length), None)
    assert ruler.bare is not None
    for references in _target_blocks(dataset):
        targets.extend(tokens + 1 for tokens in ruler.bare(references, None))  # the end token
    most = ruler.kind(dataset).most_read(ruler.room, ruler.bare)
    return Lengths(_measure(texts, most), _measure(targets, ruler.room.target))


def _measure(tokens: list[int], most: int) -> Measure:
    return Measure(np.array(tokens, np.int64), most)


def _share(dataset: Dataset, size: int) -> int:
    return max(1, MOST_MEASURED * size // sum(dataset.manifest.sizes.values()))


def _blocks(dataset: Dataset) -> Iterator[list[Row]]:
    for examples in dataset.splits.values():
        yield from _in_blocks(rows(examples, _share(dataset, len(examples))))


def _target_blocks(dataset: Dataset) -> Iterator[list[str]]:
    """The references that are learned from."""
    for examples in dataset.splits.values():
        step = -(-len(examples) // _share(dataset, len(examples)))
        yield from _in_blocks(examples.gold[row][0] for row in range(0, len(examples), max(1, step)))


def _in_blocks(found: Iterable[T]) -> Iterator[list[T]]:
    stream = iter(found)
    while block := list(islice(stream, CHUNK_ROWS)):
        yield block


def _counted(block: list[Row], count: TokenCounter, pieces: str) -> Sequence[int]:
    if pieces == "options":  # each is read alone behind the text; the longest one counts
        return count([row.text for row in block], [max(json.loads(row.pair or "[]"), key=len) for row in block])
    paired = block[0].pair is not None
    return count([row.text for row in block], [row.pair or "" for row in block] if paired else None)
