"""Scores of answers in words: exact match and F1 as the SQuAD script counts them, the best over all references. The unit is the question.

Case, punctuation, English articles and spacing do not count (Rajpurkar et al. 2016, arXiv:1606.05250). Chinese and Japanese letters are
words of their own, as in the script of CMRC 2018; beside them curly quotes and dashes do not count either.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from leantune.core.errors import unknown_name
from leantune.scores.tally import Tally, mean_of_counts

METRICS = ("f1", "exact_match")
"""Metrics by name; both are fractions."""
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_LETTERS = re.compile("([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
_PUNCTUATION = str.maketrans("", "", string.punctuation + "，。、；：？！（）《》〈〉「」『』【】～")
_SHARED = str.maketrans("", "", "“”‘’…—·")
"""Punctuation that English has too, where the SQuAD script lets it count."""


def tally(metric: str, references: Sequence[Sequence[str]], predicted: Sequence[str]) -> Tally:
    """The tally of a metric.

    Args:
        metric: a name of `METRICS`.
        references: right answers of each question; none where there is no answer.
        predicted: one answer for each question, "" for none.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    score = exact if metric == "exact_match" else overlap
    found = [max(score(right, guess) for right in rights or [""]) for rights, guess in zip(references, predicted, strict=True)]
    return Tally.of(np.column_stack([found, np.ones(len(found))]), mean_of_counts)


def normalised(text: str) -> str:
    """What is left of an answer.

    >>> normalised("The  U.S. army!")
    'us army'
    """
    plain = text.lower().translate(_PUNCTUATION)
    if _LETTERS.search(plain):
        plain = _LETTERS.sub(r" \1 ", plain.translate(_SHARED))
    return " ".join(_ARTICLES.sub(" ", plain).split())


def exact(right: str, guess: str) -> float:
    """1 when nothing that counts differs."""
    return float(normalised(right) == normalised(guess))


def overlap(right: str, guess: str) -> float:
    """F1 of the words; where one side has none, 1 when the other has none either."""
    true, said = (normalised(text).split() for text in (right, guess))
    if not true or not said:
        return float(true == said)
    common = sum((Counter(true) & Counter(said)).values())
    return 2 * common / (len(true) + len(said))


def texts(gold: Any) -> list[str]:
    """The texts of stored references."""
    return [reference["text"] for reference in gold]
