"""The source as it is: what a translation shares with it, such as names and numbers, and the whole of what a text to correct needs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from leantune.kinds.baseline import Floor, Material
from leantune.kinds.task import Decoded


class Copy:
    """Says what it reads."""

    name: ClassVar[str] = "copy"
    title: ClassVar[str] = "source as it is"
    golds: ClassVar[tuple[str, ...]] = ("text",)

    def fit(self, material: Material) -> Floor:
        """Nothing is learned."""

        def predict(split: str) -> Decoded:
            found = list(material.splits[split].texts)
            return Decoded(found, np.ones(len(found), np.float32))

        return Floor(predict, parameters=0, saved_bytes=0)


MEMBER = Copy()
