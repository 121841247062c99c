"""Linear heads that are computed from stored states in closed form or by a convex solver, near the words of the labels where there are any.

    prototypes    w_c = t unit(sum of x over rows of c + strength b_c)     strength and t by leave-one-out
    logistic      argmin  cross-entropy + strength / 2 ||W - pull B||^2    strength and pull by cross-validation
    averaged      the mean of the logits of both

x is a state less the mean of the training rows, of length 1; b_c the centred direction of the words of c. All end as one linear map of
states as they were given, z = W x + b: what reads states of length 1 is computed from such.

Reference: Snell et al. 2017, arXiv:1703.05175 (prototypes).
Shapes: n rows, D width, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from leantune.models.label_bank import Floats, LabelBank, unit

STRENGTHS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Rows that the words of a label count for."""
USUAL = 4.0
"""Where leave-one-out finds several equally good, the nearest to this (measured on seven sets with 4 to 64 rows per label)."""
SCALES = (5.0, 10.0, 20.0, 40.0)
PULLS = ((0.0, 1.0), (5.0, 0.3), (5.0, 1.0), (10.0, 1.0), (20.0, 1.0), (20.0, 3.0))
"""(length of the label directions that the weights are pulled to, strength); the first is plain logistic regression with C = 1."""
FOLDS = 5
MANY = 2_000
"""From so many rows on two folds are enough."""
ITERATIONS = 200


@dataclass(frozen=True)
class Problem:
    """What a head is computed from."""

    states: NDArray[np.floating]
    """(n, D) as the head will read them."""
    gold: NDArray[np.integer]
    """(n,) labels."""
    labels: int
    bank: LabelBank | None = None
    """The words of the labels; None without any."""


@dataclass(frozen=True)
class Solution:
    """A head, and what was chosen on the way."""

    weight: Floats
    """(C, D)."""
    bias: Floats
    """(C,)."""
    notes: tuple[str, ...] = ()

    def logits(self, states: Floats) -> Floats:
        """(n, C)."""
        return states @ self.weight.T + self.bias


@dataclass(frozen=True)
class _Centred:
    """The rows around their mean."""

    middle: Floats
    rows: Floats
    """(n, D) of length 1."""
    gold: NDArray[np.integer]
    anchors: Floats
    """(C, D); zeros where the words say nothing."""

    @classmethod
    def of(cls, problem: Problem) -> _Centred:
        states = problem.states.astype(np.float64)
        middle = states.mean(axis=0)
        anchors = np.zeros((problem.labels, states.shape[1])) if problem.bank is None else problem.bank.centred
        return cls(middle, unit(states - middle), np.asarray(problem.gold), anchors)

    def solution(self, weight: Floats, bias: Floats | float, note: str) -> Solution:
        """The map on states as they are; to divide by the length of what is centred would not be linear, and ranks labels alike."""
        return Solution(weight, bias - weight @ self.middle, (note,))


def prototypes(problem: Problem) -> Solution:
    """Each label is the mean of its rows, with its words as some rows more."""
    found = _Centred.of(problem)
    one = np.eye(problem.labels)[found.gold]  # (n, C)
    sums = one.T @ found.rows
    best = max((_without_themselves(found, sums, strength) for strength in _strengths(found)), key=lambda one: one[:2])
    _, _, strength, scale = best
    note = f"the words of a label count as {strength:g} rows" if found.anchors.any() else "no label words"
    return found.solution(scale * unit(sums + strength * found.anchors), 0.0, f"prototypes: {note} (by leave-one-out)")


def _strengths(found: _Centred) -> tuple[float, ...]:
    return STRENGTHS if found.anchors.any() else STRENGTHS[:1]


def _without_themselves(found: _Centred, sums: Floats, strength: float) -> tuple[float, float, float, float]:
    """(share of rows that are right by the prototypes of the others, closeness to the usual strength, strength, scale)."""
    rows = np.arange(len(found.gold))
    scores = found.rows @ unit(sums + strength * found.anchors).T
    others = unit(sums[found.gold] - found.rows + strength * found.anchors[found.gold])
    scores[rows, found.gold] = (found.rows * others).sum(axis=1)
    right = float((scores.argmax(axis=1) == found.gold).mean())
    scale = max(SCALES, key=lambda scale: float(log_softmax(scale * scores, axis=1)[rows, found.gold].mean()))
    return round(right, 9), -abs(np.log2(max(strength, 0.5) / USUAL)), strength, scale


def logistic(problem: Problem) -> Solution:
    """Logistic regression whose weights are pulled to the words of the labels."""
    found = _Centred.of(problem)
    pulls = PULLS if found.anchors.any() else PULLS[:1]
    fold = _folds(found.gold)
    pull, strength = max(pulls, key=lambda one: _held_out(found, fold, *one)) if len(pulls) > 1 else pulls[0]
    weight, bias = _fit(found.rows, found.gold, pull * found.anchors, strength)
    note = f"pulled to the label words with length {pull:g} and strength {strength:g}" if pull else "not pulled to label words"
    return found.solution(weight, bias, f"logistic regression: {note} (by cross-validation)")


def _folds(gold: NDArray[np.integer]) -> NDArray[np.int64]:
    """(n,) the fold of each row, every label spread evenly."""
    place = np.zeros(len(gold), dtype=np.int64)
    for label in np.unique(gold):
        own = np.flatnonzero(gold == label)
        place[own] = np.arange(len(own))
    return place % (2 if len(gold) >= MANY else FOLDS)


def _held_out(found: _Centred, fold: NDArray[np.int64], pull: float, strength: float) -> float:
    """Log-likelihood of rows by a head that has not seen them."""
    total = 0.0
    for held in np.unique(fold):
        inside = fold != held
        weight, bias = _fit(found.rows[inside], found.gold[inside], pull * found.anchors, strength)
        likely = log_softmax(found.rows[~inside] @ weight.T + bias, axis=1)
        total += float(likely[np.arange(len(likely)), found.gold[~inside]].sum())
    return total


def _fit(rows: Floats, gold: NDArray[np.integer], start: Floats, strength: float) -> tuple[Floats, Floats]:
    """Minimise sum of cross-entropy + strength / 2 ||W - start||^2; the bias is free."""
    labels, width = start.shape
    one = np.eye(labels)[gold]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weight, bias = flat[: labels * width].reshape(labels, width), flat[labels * width :]
        likely = log_softmax(rows @ weight.T + bias, axis=1)
        error = np.exp(likely) - one
        value = -(one * likely).sum() + 0.5 * strength * ((weight - start) ** 2).sum()
        return float(value), np.concatenate([(error.T @ rows + strength * (weight - start)).ravel(), error.sum(axis=0)])

    first = np.concatenate([start.ravel(), np.zeros(labels)])
    flat = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}).x
    return flat[: labels * width].reshape(labels, width), flat[labels * width :]


def averaged(problem: Problem) -> Solution:
    """The mean of the logits of both, which needs no choice between them."""
    one, other = prototypes(problem), logistic(problem)
    return Solution((one.weight + other.weight) / 2, (one.bias + other.bias) / 2, one.notes + other.notes)
