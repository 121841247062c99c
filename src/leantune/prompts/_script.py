"""The language of templates that nobody gave: that of the words of the labels."""

from __future__ import annotations

from leantune.core.scripts import script_of
from leantune.core.wording import Wording


def is_chinese(wording: Wording) -> bool:
    """Whether the words of the labels are mostly in Chinese characters: English around them would be no language at all.

    >>> is_chinese(Wording(words={"good": ("好评",)})), is_chinese(Wording(words={"好评": ("great",)})), is_chinese(Wording())
    (True, False, False)
    """
    return script_of(wording.in_turn) == "han"
