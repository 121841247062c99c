"""Logistic regression on frozen states, pulled to the words of the labels where a prompt says them.

    argmin over W, b of  sum of cross-entropy(W x + b) + strength / 2 ||W - pull B||^2      B (C, D) the directions of the words

Trains      the head by a convex solver (L-BFGS); strength and pull by cross-validation.   At start   the body is unchanged, and stays so.
Afterwards  a linear head (C, D).                                                          Reference  Hastie et al. 2009, chapter 4.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card
from leantune.methods._solved import Solved, solved_card
from leantune.models.solved_heads import logistic

if TYPE_CHECKING:
    from leantune.models.solved_heads import Problem, Solution


class Logistic(Solved):
    """Fit a linear head to its optimum."""

    card: ClassVar[Card] = solved_card(
        "Logistic regression",
        "Hastie, Tibshirani and Friedman 2009, The Elements of Statistical Learning, chapter 4.4",
        "sixteen rows of each label or more on a sentence encoder; with label words as the point that weights are pulled to; seconds",
    )

    def solve(self, problem: Problem) -> Solution:
        """The optimum."""
        return logistic(problem)


MEMBER = Logistic
