"""Solver: a method that computes the head from the states of the training rows, with no step along a gradient.

Problem(states, gold, labels, bank) -> Solution(weight, bias, notes)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leantune.kinds.method import Method

if TYPE_CHECKING:
    from leantune.models.solved_heads import Problem, Solution


class Solver(Method):
    """Base of such methods; the body stays as it is, and the head must stand outside of it (`Card.outside`)."""

    def solve(self, problem: Problem) -> Solution:
        """The head for these rows."""
        raise NotImplementedError
