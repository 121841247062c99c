"""What `select` learns from training rows: how common words are, and which ones tell the labels apart.

    chi2(w) = sum over labels c, (O - E)^2 / E        O: rows of c with w, E: as many as if labels did not matter

Words whose chi2 could be chance (0.1 %) tell nothing. Plain data: the artifact keeps it, so prediction needs no training row.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from leantune.core.scripts import words
from leantune.core.spec import Spec
from leantune.data.dataset import Dataset

KNOWN = "known.json"
"""Its file in an artifact."""
MOST_COMMON = 10_000
"""Words whose rows are counted; all others are as rare as one that was never seen."""
MOST_TELLING = 2_000
_CHANCE = 3.09
"""Standard normal quantile of 99.9 %."""


class Known(Spec):
    """What the training rows taught."""

    rows: int = 0
    seen: dict[str, int] = {}
    """Rows with each of the commonest words."""
    telling: dict[str, float] = {}
    """Weights of the words that tell labels apart."""


def told_rows(dataset: Dataset) -> Iterator[tuple[str, list[int]]]:
    """The training rows: the texts of each and the labels that they tell."""
    train, at = dataset.splits["train"], 0
    labels = dataset.gold.classes(train.answers)
    for chunk in train.chunks():
        for text, pair in zip(chunk.texts, chunk.pairs or [""] * len(chunk), strict=True):
            yield f"{text} {pair}", labels[at]
            at += 1


def learn(rows: Iterable[tuple[str, Sequence[int]]]) -> Known:
    """Count words in texts, each with the labels of its row."""
    seen, per_label, sizes, total = Counter[str](), dict[int, Counter[str]](), Counter[int](), 0
    for text, labels in rows:
        own = set(words(text))
        total += 1
        seen.update(own)
        sizes.update(labels)
        for label in labels:
            per_label.setdefault(label, Counter()).update(own)
    least = _chance(len(sizes) - 1)
    found = {word: _chi2(word, count, per_label, sizes, total) for word, count in seen.items() if count > 1}
    telling = Counter({word: value for word, value in found.items() if value > least}).most_common(MOST_TELLING)
    return Known(
        rows=total,
        seen={word: count for word, count in seen.most_common(MOST_COMMON) if count > 1},
        telling={word: round(math.sqrt(value), 4) for word, value in telling},
    )


def _chi2(word: str, count: int, per_label: dict[int, Counter[str]], sizes: Counter[int], total: int) -> float:
    found = 0.0
    for label, size in sizes.items():
        expected = count * size / total
        found += (per_label[label][word] - expected) ** 2 / expected
    return found


def _chance(freedom: int) -> float:
    """What chi2 exceeds by chance once in a thousand words (Wilson and Hilferty 1931)."""
    if freedom < 1:
        return math.inf
    share = 2 / (9 * freedom)
    return float(freedom * (1 - share + _CHANCE * math.sqrt(share)) ** 3)
