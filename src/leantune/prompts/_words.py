"""Words of the labels that are found: by likelihood ratio on labelled rows, or beside given words in the base's own vocabulary.

    auto        s(w, c) = sum over rows x of c of log p/(1-p)  -  n_c / n_other * the same over all other rows,   p = p(w at the mask)
    knowledge   the nearest rows of the output embedding, less what is shared by labels, rare, or no likelier on the label's own rows

References: Schick, Schmid and Schuetze 2020, arXiv:2010.13641; Hu et al. 2022, arXiv:2108.02035 (there from a thesaurus).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import SpecError, some
from leantune.data.label_words import Word

Likely = NDArray[np.float32]
"""(rows, words) log-probabilities."""
Numbers = NDArray[np.int64]

CANDIDATES = 1_000
"""The likeliest words on the rows of a label, among which its own are sought."""
NEIGHBOURS = 20
"""Of each given word."""
KEPT = 0.5
"""Share of the added words that is left when the rare ones are dropped."""
HARMFUL = 2.0
"""A given word is dropped only when it ranks the rows of its label below the others by more standard errors than this."""


@dataclass(frozen=True)
class Pool:
    """Words among which those of the labels are chosen."""

    said: tuple[str, ...]
    tokens: tuple[Word, ...]
    owners: tuple[int | None, ...]
    """The label of each; None where it may be any."""
    given: frozenset[str] = frozenset()
    """Those of the user."""
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of_labels(cls, words: Mapping[str, Sequence[str]], tokens: Sequence[Sequence[Word]]) -> Pool:
        """The words that the user gave."""
        said = tuple(word for own in words.values() for word in own)
        owners = tuple(label for label, own in enumerate(words.values()) for _ in own)
        return cls(said, tuple(run for own in tokens for run in own), owners, frozenset(said))

    @classmethod
    def of_all(cls, words: Mapping[str, int]) -> Pool:
        """All words of a vocabulary."""
        return cls(tuple(words), tuple(((token,),) for token in words.values()), (None,) * len(words))

    def named(self, places: Sequence[Sequence[int]], labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The words of each label."""
        return {label: tuple(self.said[place] for place in own) for label, own in zip(labels, places, strict=True)}


def as_given(pool: Pool, likely: Likely, gold: Numbers, labels: Sequence[str]) -> list[list[int]]:
    """Places of the words that the user gave for each label, whatever the rows say."""
    del likely, gold
    return [[place for place, owner in enumerate(pool.owners) if owner == label] for label in range(len(labels))]


def by_likelihood_ratio(pool: Pool, likely: Likely, gold: Numbers, labels: Sequence[str], count: int) -> list[list[int]]:
    """Places of the best words of each label; no word, in whatever case, is of two labels.

    Raises:
        SpecError: E-LABEL for labels without a row or without a word.
    """
    sure = np.minimum(likely.astype(np.float64), -1e-7)
    odds, ranked = sure - np.log1p(-np.exp(sure)), list[tuple[float, int, int]]()
    for label in range(len(labels)):
        inside = gold == label
        ratio = inside.sum() / max(1, (~inside).sum())
        scores = odds[inside].sum(axis=0) - ratio * odds[~inside].sum(axis=0)
        candidates = np.argsort(-sure[inside].sum(axis=0), kind="stable")[:CANDIDATES]
        ranked += [(float(scores[place]), label, int(place)) for place in candidates if inside.any()]
    found: list[list[int]] = [[] for _ in labels]
    owners, taken = dict[str, int](), set[str]()
    for _, label, place in sorted(ranked, key=lambda one: (-one[0], one[1:])):
        word = pool.said[place].casefold()
        if owners.setdefault(word, label) == label and len(found[label]) < count and word not in taken:
            found[label].append(place)
            taken.add(word)
    if none := [label for label, own in zip(labels, found, strict=True) if not own]:
        raise SpecError(f"cloze: no word was found for {some(none)}. Give words with --labels and use verbalizer=manual.", "E-LABEL")
    return found


@dataclass(frozen=True)
class Vocabulary:
    """The words of one token that a base has, as its output embedding places them."""

    words: Mapping[str, int]
    embedding: NDArray[np.float32]
    """(V, D)."""

    def around(self, word: str) -> list[str]:
        """The nearest other words, by cosine."""
        own = self.embedding[self.words[word]]
        likeness = self._rows @ (own / np.linalg.norm(own))
        near = [self._names[place] for place in np.argsort(-likeness, kind="stable")[: NEIGHBOURS + 5]]
        return [other for other in near if other.casefold() != word.casefold()][:NEIGHBOURS]

    @cached_property
    def _names(self) -> list[str]:
        return list(self.words)

    @cached_property
    def _rows(self) -> NDArray[np.float32]:
        rows = self.embedding[list(self.words.values())]
        found: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return found


def expanded(pool: Pool, labels: Sequence[str], vocabulary: Vocabulary) -> Pool:
    """Given words with their neighbours, but for those that labels share."""
    owners, shared, notes = dict[str, int](), set[str](), list[str]()
    taken, spelled = {word.casefold() for word in pool.said}, dict[str, str]()
    for word, owner in zip(pool.said, pool.owners, strict=True):
        assert owner is not None
        if word not in vocabulary.words:
            notes.append(f'"{word}" of {labels[owner]} is not one token of the base, so no neighbours were sought')
            continue
        for other in vocabulary.around(word):
            key = other.casefold()
            if key not in taken and owners.setdefault(key, owner) != owner:
                shared.add(key)
            spelled.setdefault(key, other)
    added = [(spelled[key], owner) for key, owner in owners.items() if key not in shared]
    if shared:
        notes.append(f"{len(shared)} found beside words of two labels were dropped ({some(sorted(shared))})")
    tokens = (*pool.tokens, *(((vocabulary.words[word],),) for word, _ in added))
    return Pool((*pool.said, *(word for word, _ in added)), tokens, (*pool.owners, *(owner for _, owner in added)), pool.given, notes)


def without_rare(pool: Pool, priors: NDArray[np.float32]) -> Pool:
    """Without the half of the added words that are the least likely where no text stands; `priors` are (words,) log-probabilities."""
    added = [place for place, word in enumerate(pool.said) if word not in pool.given]
    kept = sorted(added, key=lambda place: -float(priors[place]))[: round(len(added) * KEPT)]
    rare = [pool.said[place] for place in added if place not in kept]
    places = [place for place in range(len(pool.said)) if place not in added or place in kept]
    notes = [*pool.notes, *([f"{len(rare)} rare ones were dropped ({some(rare)})"] if rare else [])]
    said, tokens, owners = (tuple(values[place] for place in places) for values in (pool.said, pool.tokens, pool.owners))
    return Pool(said, tokens, owners, pool.given, notes)  # type: ignore[arg-type]


def by_rank(pool: Pool, likely: Likely, gold: Numbers, labels: Sequence[str], count: int) -> list[list[int]]:
    """Places of the given words of each label, less the harmful ones, and of so many added ones that are the best above chance."""
    found = []
    for label in range(len(labels)):
        ranks = {place: rank_share(likely[:, place], gold == label) for place, owner in enumerate(pool.owners) if owner == label}
        given = [place for place in ranks if pool.said[place] in pool.given]
        added = sorted((place for place in ranks if place not in given and ranks[place] > 0.5), key=lambda place: (-ranks[place], place))
        kept = [place for place in given if ranks[place] >= 0.5 - HARMFUL * _error_of_chance(gold == label)]
        found.append([*(kept or ([] if added else given)), *added[:count]])
    return found


def rank_share(likely: NDArray[np.float32], own: NDArray[np.bool_]) -> float:
    """How often a row of the label's own finds a word likelier than another row does; 0.5 is chance, and so is a side without rows."""
    inside, outside = likely[own, None], likely[None, ~own]
    return 0.5 if not (inside.size and outside.size) else float((inside > outside).mean() + 0.5 * (inside == outside).mean())


def _error_of_chance(own: NDArray[np.bool_]) -> float:
    """Standard error of `rank_share` for a word that has nothing to do with the label (Mann and Whitney 1947)."""
    sides = int(own.sum()) * int((~own).sum())
    return float(np.sqrt((len(own) + 1) / (12 * sides))) if sides else np.inf
