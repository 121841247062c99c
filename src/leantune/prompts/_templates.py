"""Templates of a prompt when the user gives none, and the choice of one among several.

A base with nothing trained answers the training rows behind each template; words that are found are found without the rows that they are
judged by (four parts). With few rows the best of many is mostly the luckiest, so all are averaged then.

References: Gao et al. 2021, arXiv:2012.15723; Perez et al. 2021, arXiv:2105.11447.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leantune.core.human import percent
from leantune.core.wording import Wording
from leantune.prompts._script import is_chinese

SINGLE = (
    "{text} It was {mask}.",
    "{text} This is {mask}.",
    "{text} All in all, it was {mask}.",
    "{text} In one word: {mask}.",
)
PAIRS = (
    "{text:nodot}? {mask}, {text_pair}",
    '"{text:nodot}"? {mask}. "{text_pair}"',
    "{text} {text_pair} The two are {mask}.",
    "First: {text} Second: {text_pair} Answer: {mask}.",
)
CHINESE_SINGLE = (
    "{text:nodot}。这是{mask}。",
    "{text:nodot}。总之，{mask}。",
    "“{text}”说的是{mask}。",
    "{text:nodot}。一个词概括：{mask}。",
)
CHINESE_PAIRS = (
    "{text:nodot}？{mask}，{text_pair}",
    "“{text:nodot}”？{mask}。“{text_pair}”",
    "“{text}”“{text_pair}”这两句话的关系：{mask}。",
    "第一句：{text:nodot}。第二句：{text_pair:nodot}。答案：{mask}。",
)
FOLDS = 4

Choose = Callable[[NDArray[np.float32], NDArray[np.int64]], list[list[int]]]
"""From log-probabilities (rows, words) and labels to the places of the words of each label."""


def bank(wording: Wording, *, paired: bool) -> tuple[str, ...]:
    """Templates for texts, and for pairs of texts, in the language of the words of the labels."""
    if is_chinese(wording):
        return CHINESE_PAIRS if paired else CHINESE_SINGLE
    return PAIRS if paired else SINGLE


@dataclass(frozen=True)
class Answers:
    """What the base says behind one template."""

    template: str
    likely: NDArray[np.float32]
    """(rows, words) log-probabilities."""
    priors: NDArray[np.float32]
    """(words,) to be subtracted."""
    choose: Choose


def best_of(answers: Sequence[Answers], gold: NDArray[np.int64], seed: int) -> tuple[str, str]:
    """The template with the largest cross-validated accuracy, the first of equals, and a note."""
    parts = _parts(gold, seed)
    found = [float(np.mean(_right(one, gold, parts))) for one in answers]
    best = int(np.argmax(found))
    said = ", ".join(map(percent, found))
    why = f"{said} of {len(gold)} training rows right, cross-validated"
    note = f'template {best + 1} of {len(found)} is used: "{answers[best].template}" ({why})'
    return answers[best].template, note


def _right(one: Answers, gold: NDArray[np.int64], parts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each row is answered rightly by words that were chosen without it."""
    right = np.zeros(len(gold), dtype=bool)
    for part in range(FOLDS):
        held = parts == part
        words = one.choose(one.likely[~held], gold[~held])
        scores = np.stack([(one.likely - one.priors)[held][:, own].mean(axis=1) for own in words], axis=1)
        right[held] = scores.argmax(axis=1) == gold[held]
    return right


def _parts(gold: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """(rows,) the part of each row; labels are spread evenly."""
    order = np.random.default_rng([seed, 4]).permutation(len(gold))
    parts = np.zeros(len(gold), dtype=np.int64)
    for label in np.unique(gold):
        own = order[gold[order] == label]
        parts[own] = np.arange(len(own)) % FOLDS
    return parts
