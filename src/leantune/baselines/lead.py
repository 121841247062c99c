"""The first three sentences: news say first what matters, so summaries have to beat them (Nallapati et al. 2017, arXiv:1611.04230)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from leantune.data.sentences import sentences
from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded

SENTENCES = 3


class Lead:
    """The beginning of the source."""

    name: ClassVar[str] = "lead"
    title: ClassVar[str] = "first three sentences"
    golds: ClassVar[tuple[str, ...]] = ("text",)

    def fit(self, material: Material) -> Floor:
        """Nothing is learned."""

        def predict(split: str) -> Decoded:
            found = [lead(text) for text in material.splits[split].texts]
            return Decoded(found, np.ones(len(found), np.float32))

        return Floor(predict, parameters=0, saved_bytes=0)


def lead(text: str) -> str:
    """The first sentences of a text as they stand there.

    >>> lead("One. Two! Three? Four.")
    'One. Two! Three?'
    """
    found = sentences(text)[:SENTENCES]
    return text[found[0][0] : found[-1][1]] if found else ""


MEMBER = Lead()
