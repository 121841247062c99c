"""The token that follows each token of the text."""

from __future__ import annotations

from leantune.data.golds._itself import Itself


class Following(Itself):
    """Part of the text."""

    pieces = "passage"


MEMBER = Following()
