"""Data to text: sentences that say what a record, a table or a list of facts holds. Score: BLEU; several references count as one.

{"source": "name[Blue Spice], food[Thai]", "target": ["Blue Spice serves Thai food."]}
"""

from __future__ import annotations

from typing import ClassVar

from leantune.tasks._written import Written


class DataToText(Written):
    """Sentences from data."""

    name: ClassVar[str] = "data_to_text"
    summary: ClassVar[str] = "writes sentences that say what data hold"
    inferred: ClassVar[bool] = False


MEMBER = DataToText()
