"""Shared words for questions about a text: the sentence that has most of the question's rare words, and in it the words beside them.

A sliding window over one sentence (after Richardson et al. 2013, MCTest, and the baseline of Rajpurkar et al. 2016, arXiv:1606.05250).
What is learned: how rare words are in the training texts, how many words an answer has, and where some questions have no answer, how many
of a question's words must be in the sentence for there to be one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from leantune.data.examples import Examples
from leantune.data.sentences import Span, sentences
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded
from leantune.scores.answers import overlap, texts

LENGTHS = (1, 2, 3, 5, 8, 1000)
"""Words of an answer that are tried; the last stands for the whole sentence."""
MOST_ROWS = 500
"""Training rows on which the length and the threshold are chosen."""
_LETTER = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_LETTER}]|(?:(?![{_LETTER}])\\w)+")
"""Chinese and Japanese letters are words of their own."""
Word = tuple[str, int, int]
"""In lower case, its first character, the one behind it."""


@dataclass(frozen=True)
class Rarity:
    """How rare words are.

    Attributes:
        texts: number of texts that were counted.
        having: number of them that have each word.
    """

    texts: int
    having: Counter[str]

    def of(self, word: str) -> float:
        """The inverse document frequency; 0 for a word that every text has."""
        return math.log((1 + self.texts) / (1 + self.having[word]))


@dataclass(frozen=True)
class Reader:
    """Answers questions.

    Attributes:
        rarity: of the words.
        length: words of an answer.
        least: share of a question's words, weighted by rarity, below which there is no answer.
    """

    rarity: Rarity
    length: int
    least: float = 0.0

    def answer(self, question: str, text: str) -> tuple[str, float]:
        """The answer, and the share of the question's words that its sentence has."""
        asked = {word for word, _, _ in _words(question, 0)}
        (start, end), share = self._sentence(asked, text)
        if share < self.least:
            return "", share
        first, last = self._beside(asked, _words(text[start:end], start)) or (start, end)
        return text[first:last].strip(), share

    def _sentence(self, asked: set[str], text: str) -> tuple[Span, float]:
        """The first of the sentences that have most of the words."""
        whole = sum(map(self.rarity.of, asked))
        found, most = (0, len(text)), -1.0
        for span in sentences(text):
            shared = sum(self.rarity.of(word) for word in asked & {word for word, _, _ in _words(text[slice(*span)], 0)})
            if shared > most:
                found, most = span, shared
        return found, max(most, 0.0) / whole if whole > 0 else 0.0

    def _beside(self, asked: set[str], words: list[Word]) -> Span | None:
        """The run of words that is nearest to the asked ones without holding any; None where the sentence has no such run."""
        hits = [(place, self.rarity.of(word)) for place, (word, _, _) in enumerate(words) if word in asked]
        best, most = None, -1.0
        for first in range(len(words) - self.length + 1):
            last = first + self.length - 1
            if any(first <= place <= last for place, _ in hits):
                continue
            near = sum(weight / (1 + min(abs(place - first), abs(place - last))) for place, weight in hits)
            if near > most:
                best, most = (words[first][1], words[last][2]), near
        return best


class Overlap:
    """The words beside those of the question."""

    name: ClassVar[str] = "overlap"
    title: ClassVar[str] = "words beside those of the question"
    golds: ClassVar[tuple[str, ...]] = ("spans",)

    def fit(self, material: Material) -> Floor:
        """Count words in the training texts, choose the length and the threshold on a seeded sample of the rows."""
        train = material.splits["train"]
        rarity = _counted(train)
        rows = np.random.default_rng(material.seed).permutation(len(train))[:MOST_ROWS]
        gold = train.gold
        reader = _chosen(rarity, [(*pair, texts(gold[row])) for row, pair in zip(rows, train.take(rows), strict=True)])

        def predict(split: str) -> Decoded:
            asked = (pair for chunk in material.splits[split].chunks() for pair in zip(chunk.texts, chunk.pairs or [], strict=True))
            found = [reader.answer(question, text) for question, text in asked]
            return Decoded([said for said, _ in found], np.array([share for _, share in found], np.float32))

        return Floor(predict, len(rarity.having) + 2, saved_bytes=sum(len(word.encode()) + 8 for word in rarity.having))


def _chosen(rarity: Rarity, rows: list[tuple[Any, Any, list[str]]]) -> Reader:
    """The length and the threshold with the largest F1 on some rows: question, text, right answers."""
    best, most = Reader(rarity, LENGTHS[0]), -1.0
    for length in LENGTHS:
        found = [Reader(rarity, length).answer(question, text) for question, text, _ in rows]
        shares = np.array([share for _, share in found])
        said = np.array(
            [max(overlap(right, guess) for right in rights or [""]) for (*_, rights), (guess, _) in zip(rows, found, strict=True)]
        )
        silent = np.array([float(not rights) for *_, rights in rows])
        for least in (0.0, *([*np.quantile(shares, np.arange(0.1, 1, 0.1)), np.inf] if silent.any() else [])):
            score = float(np.where(shares < least, silent, said).mean())
            if score > most:
                best, most = Reader(rarity, length, float(least)), score
    return best


def _counted(train: Examples) -> Rarity:
    """Words of the training texts, each text once however many questions it has."""
    seen, having = set[int](), Counter[str]()
    for chunk in train.chunks():
        for text in chunk.pairs or []:
            if hash(text) not in seen:
                seen.add(hash(text))
                having.update({word for word, _, _ in _words(text, 0)})
    return Rarity(len(seen), having)


def _words(text: str, start: int) -> list[Word]:
    """The words of a text that begins at `start`."""
    return [(found.group().lower(), start + found.start(), start + found.end()) for found in _WORD.finditer(text)]


MEMBER = Overlap()
