"""Upkeep of a run folder: what lies there for later is sealed when a command ends, and looked at when the next one begins.

    RUN/data/     the rows; damaged, they are read again from the user's files
    RUN/cache/    what can be computed again: tokens, states, altered bases; damaged, or left half by a process that was killed, it is

The caller holds the folder's lock (`execution.lock`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from leantune.core.errors import some
from leantune.core.files import read_kept, write_atomic
from leantune.core.seal import broken, seal
from leantune.core.spec import Spec

DATA, CACHE = "data", "cache"
SEALS = "seals.json"
PART = ".part"
"""In the names of files that are not finished."""


class Sealed(Spec):
    """A file as it was left."""

    digest: str
    size: int
    stamp: int
    """When it was last written, in nanoseconds: what was written again later is sealed again."""


class Seals(Spec):
    """Files by their names."""

    data: dict[str, Sealed] = {}
    cache: dict[str, Sealed] = {}


def mend(run: Path) -> list[str]:
    """Remove what is damaged, so that it is made again; a sentence for each kind."""
    seals = read_kept(run / SEALS, Seals) or Seals()
    lines = []
    if bad := _broken(run / DATA, seals.data):
        shutil.rmtree(run / DATA, ignore_errors=True)
        lines.append(f"{some(bad)} in {run / DATA} {_differ(bad)}; the rows are read again")
    if bad := _broken(run / CACHE, seals.cache):
        lines.append(f"{some(bad)} in {run / CACHE} {_differ(bad)}; what is missing is computed again")
    groups = {_group(name) for name in bad}
    for name in _names(run / CACHE):
        if name not in seals.cache or _group(name) in groups:
            (run / CACHE / name).unlink()
    for inside in sorted((path for path in (run / CACHE).rglob("*") if path.is_dir()), reverse=True):
        if not any(inside.iterdir()):
            inside.rmdir()
    if lines:
        seal_run(run)
    return lines


def seal_run(run: Path) -> None:
    """Seal what is there; what is as it was sealed before is not read again."""
    known = read_kept(run / SEALS, Seals) or Seals()
    found = Seals(data=_sealed(run / DATA, known.data), cache=_sealed(run / CACHE, known.cache))
    if found != known:
        write_atomic(run / SEALS, found.model_dump_json(indent=1))


def _broken(folder: Path, known: dict[str, Sealed]) -> list[str]:
    return broken(folder, {name: one.digest for name, one in known.items()})


def _sealed(folder: Path, known: dict[str, Sealed]) -> dict[str, Sealed]:
    now = {name: (folder / name).stat() for name in _names(folder) if PART not in name}
    same = {
        name for name, stat in now.items() if name in known and (known[name].size, known[name].stamp) == (stat.st_size, stat.st_mtime_ns)
    }
    new = seal(folder, {*same, *(_names(folder) - now.keys())}) if now.keys() - same else {}
    fresh = {name: Sealed(digest=digest, size=now[name].st_size, stamp=now[name].st_mtime_ns) for name, digest in new.items()}
    return {name: known[name] for name in same} | fresh


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _group(name: str) -> str:
    """Files that are of use together: tokens with their bounds, states with their seconds, all of a base."""
    return name.split("/")[0].split(".")[0]


def _differ(names: list[str]) -> str:
    return f"{'is' if len(names) == 1 else 'are'} not what was written"
