"""One process writes a run folder at a time, and seals what it leaves there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from leantune.core.errors import ArtifactError
from leantune.execution.upkeep import seal_run

try:
    import fcntl
except ImportError:  # not on Windows, where the exclusive file below must do
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the folder's lock; it goes with the process, however that ends.

    Raises:
        ArtifactError: E-RUN when another process holds it, or the folder cannot be written.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        file = (run / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise ArtifactError(
            f'The output folder "{run}" cannot be written ({error.strerror}). Choose another with --out.', "E-FILE"
        ) from error
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                message = f'The output folder "{run}" is in use by process {holder}. Wait for it to end, or choose another with --out.'
                raise ArtifactError(message, "E-RUN") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):  # unsealed files are made again, no more
                seal_run(run)
