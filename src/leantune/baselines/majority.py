"""The commonest answer, whatever the text: the most frequent label, set of labels or place among options, the mean of the numbers.

Where words are tagged, each word gets the tag that it has most often in the training rows, an unknown word the most frequent tag. On
skewed data it makes accuracy look good.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leantune.data.examples import Examples
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.choices import chosen, options_of
from leantune.kinds.task import Decoded


class Majority:
    """Always the commonest answer."""

    name: ClassVar[str] = "majority"
    title: ClassVar[str] = "commonest answer"
    golds: ClassVar[tuple[str, ...]] = ("label", "levels", "labels", "number", "tags", "roles", "choice")

    def fit(self, material: Material) -> Floor:
        """Count the training answers."""
        train = material.splits["train"]
        answer: Callable[[Examples], Decoded]
        if material.gold in ("tags", "roles"):
            answer, parameters = _by_word(train)
        elif material.gold == "choice":
            answer, parameters = _by_place(train), 1
        else:
            answer, parameters = _constant(train, material), 1
        return Floor(lambda split: answer(material.splits[split]), parameters=parameters, saved_bytes=4 * parameters)


def _constant(train: Examples, material: Material) -> Callable[[Examples], Decoded]:
    if material.gold == "number":
        mean = float(np.mean(train.gold))
        return lambda examples: Decoded(np.full(len(examples), mean), np.ones(len(examples), np.float32))
    if material.gold == "labels":
        (chosen, count), *_ = Counter(map(tuple, train.gold)).most_common(1)
        share = count / len(train)
        return lambda examples: Decoded([list(chosen)] * len(examples), np.full(len(examples), share, np.float32))
    counts = np.bincount(train.gold, minlength=material.n_labels)
    label, share = int(counts.argmax()), float(counts.max() / counts.sum())
    return lambda examples: Decoded(np.full(len(examples), label, np.int32), np.full(len(examples), share, np.float32))


def _by_place(train: Examples) -> Callable[[Examples], Decoded]:
    """The option at the place that is right most often, of those that the row has."""
    counts = np.bincount([row["place"] for row in train.gold])

    def likely(options: list[str]) -> NDArray[np.float64]:
        found = np.pad(counts, (0, len(options)))[: len(options)] + 1.0
        return found / found.sum()  # type: ignore[no-any-return]

    return lambda examples: chosen((options, likely(options)) for chunk in examples.chunks() for options in options_of(chunk))


def _by_word(train: Examples) -> tuple[Callable[[Examples], Decoded], int]:
    """The most frequent tag of each word, and the number of words that are remembered."""
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    for words, tags in zip(train.words or [], train.gold, strict=True):
        for word, tag in zip(words, tags, strict=True):
            seen[word][tag] += 1
    usual = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    other = sum(seen.values(), Counter[Any]()).most_common(1)[0][0]

    def answer(examples: Examples) -> Decoded:
        rows = [[usual.get(word, other) for word in words] for words in examples.words or []]
        return Decoded(rows, np.ones(len(rows), np.float32))

    return answer, len(usual)


MEMBER = Majority()
