"""What a method can be plotted or tabled by: its score and each measured cost, with its words.

AXES["saved"].value(row) -> 226304.0        AXES["saved"].text(row) -> "226 kB"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from leantune.core import human
from leantune.core.records import MethodRow

Kind = Literal["score", "count", "seconds", "bytes", "ms"]

_WORDS: dict[Kind, Callable[[float | None], str]] = {
    "score": human.percent,
    "count": human.count,
    "seconds": human.duration,
    "bytes": human.size,
    "ms": human.milliseconds,
}


@dataclass(frozen=True)
class Axis:
    """One measured quantity of a method; `high` tells that more of it is better."""

    key: str
    label: str
    kind: Kind
    measure: Callable[[MethodRow], float | None]
    high: bool = False

    def value(self, row: MethodRow) -> float | None:
        """The number itself (fraction, count, seconds, bytes or milliseconds), or None where it was not measured."""
        return self.measure(row)

    def text(self, row: MethodRow) -> str:
        """The number as people read it; of a busy clock with how far it went."""
        said, latency = _WORDS[self.kind](self.measure(row)), row.cost.latency_ms
        if self.kind != "ms" or latency is None or not latency.restless:
            return said
        return f"{said} (busy: to {_WORDS[self.kind](self.slowest(row))})"

    def slowest(self, row: MethodRow) -> float | None:
        """The same measure of a time in its slowest part."""
        taken = row.cost.latency_ms
        return None if taken is None else taken.slowest_1 if self.key == "latency_1" else taken.slowest_32

    def ratio(self, row: MethodRow, base: MethodRow | None) -> str:
        """This cost beside that of `base`, or nothing where either is unknown.

        "0.3 % of full" under a tenth, "0.62 × full" about one, "3.1 × full" above.
        """
        own, other = self.measure(row), self.measure(base) if base else None
        if base is None or own is None or not other or row.name == base.name:
            return ""
        share = own / other
        word = f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %" if share < 1 else f"{share:.1f} ×"
        return f"{word} of {base.name}" if share < 1 else f"{word} {base.name}"


def _latency(row: MethodRow, batch: Literal[1, 32]) -> float | None:
    taken = row.cost.latency_ms
    return None if taken is None else taken.batch_1 if batch == 1 else taken.batch_32


_ALL = (
    Axis("score", "Test score, %", "score", lambda row: row.mean, high=True),
    Axis("trainable", "Trainable parameters", "count", lambda row: row.cost.trainable_params),
    Axis("seconds", "Training time", "seconds", lambda row: row.cost.train_seconds),
    Axis("memory", "Peak memory", "bytes", lambda row: row.cost.peak_memory_bytes),
    Axis("latency_1", "Latency, batch 1", "ms", lambda row: _latency(row, 1)),
    Axis("latency_32", "Latency, batch 32", "ms", lambda row: _latency(row, 32)),
    Axis("saved", "Saved bytes", "bytes", lambda row: row.cost.saved_bytes),
    Axis("model", "Model bytes", "bytes", lambda row: row.cost.model_bytes),
)

AXES = MappingProxyType({axis.key: axis for axis in _ALL})
"""By key, in the order in which a reader meets them."""
