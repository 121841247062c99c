"""Small files written whole or not at all, so that a reader never sees half a record."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from leantune.core.spec import Spec

S = TypeVar("S", bound=Spec)
M = TypeVar("M")
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def disk_refusal(error: BaseException) -> str | None:
    """What the disk refused, in one sentence with what to do; None for any other error.

    >>> disk_refusal(OSError(28, "No space left on device", "runs/a/model.safetensors"))
    'No space left on device: runs/a/model.safetensors. Make room and run the same command again; what was finished is kept.'
    """
    if not isinstance(error, OSError) or error.errno not in _REFUSALS:
        return None
    place = f": {error.filename}" if error.filename else ""
    what = "Make room" if error.errno != errno.EROFS else "Make the folder writable"
    return f"{error.strerror}{place}. {what} and run the same command again; what was finished is kept."


def read_kept(path: Path, kind: type[S]) -> S | None:
    """What was kept in a JSON file, or None where it is missing, damaged or from another version: it is made again then."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def kept_or(path: Path, kind: type[S], make: Callable[[], M], *, keeps: Callable[[M], bool] = lambda _: True) -> S | M:
    """What a run folder keeps of what is made once, or that made now.

    Args:
        path: of the file.
        kind: of what is kept.
        make: makes it, or something that is not kept.
        keeps: whether what was made is kept.
    """
    if (kept := read_kept(path, kind)) is not None:
        return kept
    found = make()
    if keeps(found):
        assert isinstance(found, kind)
        write_atomic(path, found.model_dump_json(indent=1))
    return found


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) beside `path`, flush it to the disk, then move it into place."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with name.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
