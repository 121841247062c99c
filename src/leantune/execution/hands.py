"""Hands: whoever carries out the requests of a runner - the worker of this machine, or those of a cluster.

hands.ask(request) -> messages up to and including the exit of the job's process
hands.ahead(requests)   what is going to be asked for, to be begun where hands are free
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

Request = dict[str, Any]
"""What `execution.worker` reads as a line."""
Message = dict[str, Any]
"""An event, a result, or {"kind": "exit", "code": ...}, the last of them."""


class Hands(Protocol):
    """What a runner needs of them."""

    @property
    def many(self) -> int:
        """Jobs that they do at a time."""

    def ask(self, request: Request) -> Iterator[Message]:
        """Carry out one request."""

    def ahead(self, requests: Sequence[Request]) -> None:
        """Requests that will be asked for."""

    def close(self) -> None:
        """End whatever is done."""
