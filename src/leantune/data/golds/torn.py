"""The spans that were taken out of the text."""

from __future__ import annotations

from leantune.data.golds._itself import Itself


class Torn(Itself):
    """Part of the text."""

    pieces = "corrupted"


MEMBER = Torn()
