"""What structures share that name some layers: `drop(6, 7)`, `repeat(5)`."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from leantune.core.expressions import Call
from leantune.kinds.structure import Structure


class Numbered(Structure):
    """Layers by number."""

    layers: tuple[int, ...] = Field(min_length=1)
    """From 0; negative numbers count from the top."""

    @classmethod
    def from_call(cls, call: Call) -> Self:
        """Plain values are numbers of layers."""
        bare = bool(call.args) and not isinstance(call.args[0], list)
        return super().from_call(Call(call.name, (list(call.args),), call.kwargs) if bare else call)
