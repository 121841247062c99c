"""What methods share that leave the body as it is: nothing is inserted, nothing of it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leantune.kinds.method import Method
from leantune.models.surgery import carrier, in_place

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class Untouched(Method):
    """Train at most the head."""

    def cost(self, anatomy: Anatomy) -> int:
        """Nothing of the body."""
        del anatomy
        return 0

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Nothing is inserted."""
        del seed
        return in_place(target, (), carrier(target))
