"""The sentences of a text that matter, under a token budget, without any model. Plain functions: `predict.py` gets their source.

    v(s)   sublinear TF-IDF of a sentence, length 1          q   what matters: label words, the other text, or the text itself
    next = argmax 0.7 v(s) q / max - 0.3 max over those taken v(s) v(t)        (MMR, Carbonell and Goldstein 1998)

The text itself asks by the sum of its sentences' vectors: degree centrality of LexRank (Erkan and Radev 2004, arXiv:1109.2128).
What is known comes from the training rows alone (`data.telling`): {"rows": 450, "seen": {"the": 449}, "telling": {"worst": 3.1}}.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from leantune.core.scripts import words
from leantune.data.sentences import sentences


def vector(text: str, known: dict[str, Any]) -> dict[str, float]:
    """TF-IDF of the words of a text, of length 1; empty for a text without words."""
    counts: dict[str, int] = {}
    for word in words(text):
        counts[word] = counts.get(word, 0) + 1
    rows, seen = known["rows"], known["seen"]
    found = {word: (1 + math.log(count)) * (1 + math.log((1 + rows) / (1 + seen.get(word, 0)))) for word, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in found.values()))
    return {word: weight / length for word, weight in found.items()}


def alike(one: dict[str, float], other: dict[str, float]) -> float:
    """Scalar product."""
    small, large = (one, other) if len(one) < len(other) else (other, one)
    return sum(weight * large.get(word, 0.0) for word, weight in small.items())


def relevance(vectors: list[dict[str, float]], asked: dict[str, float]) -> list[float]:
    """How much each sentence has of what is asked, the largest 1; by the text itself where none has anything."""
    found = [alike(one, asked) for one in vectors]
    if not any(found):
        whole: dict[str, float] = {}
        for one in vectors:
            for word, weight in one.items():
                whole[word] = whole.get(word, 0.0) + weight
        found = [alike(one, whole) for one in vectors]
    most = max(found) or 1.0
    return [value / most for value in found]


def chosen(vectors: list[dict[str, float]], scores: list[float], sizes: list[int], most: int) -> list[int]:
    """Sentences that fit into `most` tokens, in their order, by relevance and against repetition; at least one."""
    taken: list[int] = []
    repeated, left, open_places = [0.0] * len(sizes), most, set(range(len(sizes)))
    while open_places := {place for place in open_places if sizes[place] <= left}:
        best = max(sorted(open_places), key=lambda place: 0.7 * scores[place] - 0.3 * repeated[place])
        taken.append(best)
        open_places.discard(best)
        left -= sizes[best]
        repeated = [max(before, alike(vectors[best], one)) for before, one in zip(repeated, vectors, strict=True)]
    return sorted(taken) or [scores.index(max(scores))]


def extracted(text: str, asked: dict[str, float], most: int, count: Callable[[list[str]], list[int]], known: dict[str, Any]) -> str:
    """The sentences of a text that matter.

    Args:
        text: the whole of it.
        asked: weights of words; empty for the text itself.
        most: tokens at most; one sentence may have more.
        count: tokens of each text.
        known: what the training rows taught.
    """
    parts = [text[start:end].strip() for start, end in sentences(text)]
    if len(parts) < 2:
        return text
    vectors = [vector(part, known) for part in parts]
    return " ".join(parts[place] for place in chosen(vectors, relevance(vectors, asked), count(parts), most))


def question(way: dict[str, Any], other: str | None, known: dict[str, Any]) -> dict[str, float]:
    """What matters, by the option of the way and what there is; empty for the text itself."""
    by = way["by"]
    if by == "auto":
        by = "pair" if other is not None else "labels"
    if by == "pair" and other is not None:
        return vector(other, known)
    telling: dict[str, float] = known["telling"] if by == "labels" else {}
    return telling
