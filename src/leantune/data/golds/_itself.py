"""Answers that lie in the text itself: language modelling needs no label column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from leantune.data.golds._gold import Gold, Labelled
from leantune.data.intake import Inference


class Itself(Gold):
    """Nothing beside the text."""

    arrow = pa.int8()
    coded = False
    labelled = False
    unique = False

    def learn(self, train: Labelled, held: Sequence[Labelled], notes: list[Inference]) -> list[str]:
        """The one output is a token."""
        del train, held, notes
        return ["token"]

    def check(self, source: Labelled, labels: Sequence[str]) -> None:
        """Any text will do."""
        del source, labels

    def read(self, cells: Any, labels: Sequence[str]) -> pa.Array:
        """Nothing for each row."""
        del labels
        return pa.array(np.zeros(cells.num_rows, np.int8))
