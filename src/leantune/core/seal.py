"""Seals: what the files of a folder are, so that one that is cut, changed or gone is noticed later.

seal(folder)            {"delta/weights.safetensors": "9f86d081884c7d65", ...}, after everything is on the disk
broken(folder, files)   names of those that are not what they were
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from leantune.core.digest import file_digest


def seal(folder: Path, leave_out: Collection[str] = ()) -> dict[str, str]:
    """Digest of every file below a folder by its relative name; all of them are flushed to the disk."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    kept = {name: path for name, path in named.items() if name not in leave_out}
    for path in kept.values():
        _flush(path)
    for inside in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        flush_folder(inside)
    return {name: file_digest(path) for name, path in kept.items()}


def broken(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Names of the files that are missing or hold something else."""
    return [name for name, digest in files.items() if not (folder / name).is_file() or file_digest(folder / name) != digest]


def flush_folder(folder: Path) -> None:
    """Let the names in a folder outlive a loss of power, where the system can do that."""
    if hasattr(os, "O_DIRECTORY"):
        _flush(folder)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
