"""The console of a listing: coloured and fitted on a terminal, plain and wide in a pipe."""

from __future__ import annotations

from rich.console import Console

PIPE_WIDTH = 160


def console() -> Console:
    """A console for standard output as it is now."""
    shown = Console(highlight=False)
    return shown if shown.is_terminal else Console(highlight=False, width=PIPE_WIDTH)
