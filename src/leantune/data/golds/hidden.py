"""The tokens that were hidden in the text."""

from __future__ import annotations

from leantune.data.golds._itself import Itself


class Hidden(Itself):
    """Part of the text."""

    pieces = "hidden"


MEMBER = Hidden()
