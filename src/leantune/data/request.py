"""What the user asked for beside the sources of rows."""

from __future__ import annotations

from pydantic import Field

from leantune.core.spec import Spec
from leantune.data.losses import MOST


class Request(Spec):
    """What the user asked for beside the sources; None: infer."""

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    seed: int = 0
    task: str | None = None
    most_lost: float = Field(default=MOST, ge=0, le=1)
    """Share of a file's rows that may lose something."""
