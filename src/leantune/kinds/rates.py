"""Rates: the learning rates that something trained takes, and how they follow the width of the body."""

from __future__ import annotations

from leantune.core.spec import Spec

PAPER_WIDTH = 768
"""Width of the bodies (BERT base) that most papers tuned their rates on."""
_MOST = 4.0
"""Narrower than a quarter of that is not scaled further."""


class Rates(Spec):
    """Learning rates of a method: its own range and where to start, for AdamW."""

    low: float
    start: float
    high: float

    def for_width(self, width: int) -> Rates:
        """The range on a body of this width: the rate of a matrix grows as the width shrinks (Yang et al. 2022, arXiv:2203.03466)."""
        factor = min(_MOST, max(1.0, PAPER_WIDTH / width))
        return Rates(**{name: float(f"{rate * factor:.3g}") for name, rate in self.model_dump().items()})
