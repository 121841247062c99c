"""The catalogue of the shelf: what methods, tasks, baselines ... there are, found by listing a folder.

The file's name is the member's key; the file is imported only when the member is named. Third parties add members by an
entry point in the group `leantune.<shelf>`, for example `leantune.methods`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from leantune.core.errors import SpecError, unknown_name


def names(shelf: str) -> list[str]:
    """Sorted keys of a shelf folder (`methods`, `tasks` ...), third parties included; nothing is imported but the folder."""
    package = importlib.import_module(f"leantune.{shelf}")
    own = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    return sorted(own | set(_foreign(shelf)))


def load(shelf: str, name: str) -> Any:
    """The member called `name`: what its file binds to `MEMBER`.

    Raises:
        SpecError: E-NAME with the nearest valid name.
    """
    known = names(shelf)
    if name not in known:
        raise unknown_name(shelf.rstrip("s"), name, known)
    foreign = _foreign(shelf)
    if name in foreign:
        try:
            return foreign[name].load()
        except ImportError as error:
            raise SpecError(f'{shelf} "{name}" of package {foreign[name].dist} does not import: {error}', "E-NAME") from error
    return importlib.import_module(f"leantune.{shelf}.{name}").MEMBER


def load_foreign(shelf: str) -> None:
    """Import every third party's member, so that what its file registers is known."""
    for name in _foreign(shelf):
        load(shelf, name)


def _foreign(shelf: str) -> dict[str, Any]:
    return _found(shelf, tuple(sys.path))


@cache
def _found(shelf: str, path: tuple[str, ...]) -> dict[str, Any]:
    """Read once for each search path: it means opening a file of every installed package."""
    del path
    return {point.name: point for point in entry_points(group=f"leantune.{shelf}")}
