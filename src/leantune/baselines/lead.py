"""The first sentences: news say first what matters, so summaries have to beat them (Nallapati et al. 2017, arXiv:1611.04230).

As many as the train targets have: one for headlines, three for the summaries of that paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from statistics import median
from typing import ClassVar

import numpy as np

from leantune.baselines._sentences import sentences
from leantune.data.examples import Examples
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded

LOOKED_AT = 1_000
"""Rows from which the usual numbers of sentences are taken."""


class Lead:
    """The beginning of the source."""

    name: ClassVar[str] = "lead"
    title: ClassVar[str] = "first sentences, as many as targets have"
    golds: ClassVar[tuple[str, ...]] = ("text",)

    def stands_apart(self, splits: Mapping[str, Examples]) -> bool:
        """Whether most sources have more sentences than are taken; else it says what `copy` says."""
        counts = [len(sentences(text)) for text in islice(splits["train"].texts, LOOKED_AT)]
        return bool(counts) and median(counts) > usual(splits["train"])

    def fit(self, material: Material) -> Floor:
        """How many sentences targets have."""
        most = usual(material.splits["train"])

        def predict(split: str) -> Decoded:
            found = [lead(text, most) for text in material.splits[split].texts]
            return Decoded(found, np.ones(len(found), np.float32))

        return Floor(predict, parameters=1, saved_bytes=0)


def usual(train: Examples) -> int:
    """How many sentences a target has, rounded; at least 1."""
    counts = [len(sentences(references[0])) for references in islice(train.gold, LOOKED_AT) if references]
    return max(1, round(float(np.mean(counts)))) if counts else 1


def lead(text: str, most: int) -> str:
    """The first sentences of a text as they stand there.

    >>> lead("One. Two! Three? Four.", 3)
    'One. Two! Three?'
    """
    found = sentences(text)[:most]
    return text[found[0][0] : found[-1][1]] if found else ""


MEMBER = Lead()
