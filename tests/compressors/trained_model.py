"""A trained tiny model on its bench, and what compressors make of it."""

from __future__ import annotations

import copy
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from leantune.execution.compressing import Bench
from leantune.kinds.compressor import Smaller
from leantune.kinds.method import parse_method
from leantune.models.network import Network


@dataclass(frozen=True)
class Trained:
    """The model and its bench."""

    bench: Bench
    made: Network

    def network(self) -> Network:
        return copy.deepcopy(self.made)

    def after(self, link: str) -> Smaller:
        """What a compressor makes of it."""
        ((_, compressor),) = parse_method(f"full | {link}").compressors
        return drained(compressor.compress(self.network(), self.bench))


def drained(work: Generator[Any, None, Smaller]) -> Smaller:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
