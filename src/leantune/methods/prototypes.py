"""Prototypes: each label is the mean of its rows, and of its words where a prompt says them; the nearest one answers.

    z_c = t (x - m) unit(sum over rows x of c of unit(x - m) + strength b_c)      m the mean row    b_c the direction of the words of c

Trains      nothing by gradient; strength and scale t by leave-one-out.   At start   the body is unchanged, and stays so.
Afterwards  a linear head (C, D).                                         Reference  Snell et al. 2017, arXiv:1703.05175.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card
from leantune.methods._solved import Solved, solved_card
from leantune.models.solved_heads import prototypes

if TYPE_CHECKING:
    from leantune.models.solved_heads import Problem, Solution


class Prototypes(Solved):
    """Answer with the nearest mean."""

    card: ClassVar[Card] = solved_card(
        "Prototypes (nearest mean)",
        "Snell et al. 2017, arXiv:1703.05175",
        "four to sixteen rows of each label on a sentence encoder, best behind anchors, whose label words count like rows; seconds",
    )

    def solve(self, problem: Problem) -> Solution:
        """The means."""
        return prototypes(problem)


MEMBER = Prototypes
