"""How a command ends that was asked to: by Ctrl-C, or by the system (SIGTERM)."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command in the way Ctrl-C does."""


def heed_sigterm() -> None:
    """From now on it is raised in the main thread, so that everything is closed properly."""

    def raised(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise Terminated

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, raised)


def stopped(error: KeyboardInterrupt, kept: str) -> int:
    """Tell what was kept; the exit code that shells expect."""
    print(f"\nStopped. {kept}; the same command goes on from there.", file=sys.stderr)  # noqa: T201
    return 128 + signal.SIGTERM if isinstance(error, Terminated) else INTERRUPTED
