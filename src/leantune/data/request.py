"""What the user asked for beside the sources of rows."""

from __future__ import annotations

from leantune.core.spec import Spec


class Request(Spec):
    """What the user asked for beside the sources; None: infer."""

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    seed: int = 0
    task: str | None = None
