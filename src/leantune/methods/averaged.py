"""Averaged heads: prototypes and logistic regression, the mean of their logits, because few rows do not tell which is better.

    z = (z of prototypes + z of logistic) / 2       one linear map again

Trains      as both do.                    At start   the body is unchanged, and stays so.
Afterwards  a linear head (C, D).          Reference  as for `prototypes` and `logistic`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card
from leantune.methods._solved import Solved, solved_card
from leantune.models.solved_heads import averaged

if TYPE_CHECKING:
    from leantune.models.solved_heads import Problem, Solution


class Averaged(Solved):
    """Average both heads."""

    card: ClassVar[Card] = solved_card(
        "Prototypes and logistic regression, averaged",
        "Snell et al. 2017, arXiv:1703.05175",
        "fewer than eight rows of each label on a sentence encoder, where a choice between heads would be noise; seconds",
    )

    def solve(self, problem: Problem) -> Solution:
        """The mean of both."""
        return averaged(problem)


MEMBER = Averaged
