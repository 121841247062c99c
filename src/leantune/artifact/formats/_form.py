"""What a format that is a graph has written, as far as the folder alone does not say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leantune.models.network import Network


@dataclass(frozen=True)
class Timed:
    """A program whose time for a row is told."""

    runtime: str
    """That runs it, as people call it."""
    network: Network


@dataclass(frozen=True)
class Form:
    """What was written."""

    graph: Network
    """What leantune reads the folder by from now on."""
    found: str | None = None
    """How like the graph is to the artifact, where it need not say the very same; None where it must."""
    beside: Mapping[str, Network] = field(default_factory=dict)
    """Further programs in the folder by their files, run by their own runtimes; each must say what the artifact says."""
    timed: Timed | None = None
    """None where the machine that it is made for is another one than this."""
