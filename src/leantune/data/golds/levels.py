"""One level per row out of a closed list that has an order: `1` ... `5`, `2 stars`. The number in a level says its place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from leantune.core.errors import DataError, some
from leantune.data.golds._gold import Labelled
from leantune.data.golds.label import Label
from leantune.data.intake import Inference

_NUMBER = re.compile(r"(?:(?<!\w)[-+])?\d+(?:[.,]\d+)?")
"""The hyphen in "grade-2" is no sign."""


class Levels(Label):
    """The place of a level, the lowest first."""

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The levels of train in the order of their numbers.

        Raises:
            DataError: E-LABEL for levels without a number.
        """
        labels = super().learn(train, held, notes)
        without = [f'"{label}"' for label in labels if not _NUMBER.search(label)]
        if without:
            raise DataError(
                f'{train.place}, column "{train.label}": levels need a number that says their order, but {some(without)} '
                f"{'has' if len(without) == 1 else 'have'} none. Write numbers (1, 2, 3 ...), or use --task classification.",
                "E-LABEL",
            )
        ordered = sorted(labels, key=place)
        notes.append(Inference(what="order of the levels", value=" < ".join(ordered), why="by the number in each"))
        return ordered


def place(level: str) -> float:
    """The number in a level.

    >>> place("2 stars"), place("-0,5"), place("grade-2")
    (2.0, -0.5, 2.0)
    """
    found = _NUMBER.search(level)
    return float(found.group().replace(",", ".")) if found else 0.0


MEMBER = Levels()
