"""Whether a folder holds the files that a manifest lists, all of them, unchanged, and nothing else that a library would read.

    check_files(Path("best"), {"model.safetensors": "9f86d0..."})

Pickles are refused wherever they come from; links and names that lead out of the folder likewise.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from leantune.core.errors import ArtifactError, Problems

NAME = "leantune.json"
CARD = "README.md"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5", ".msgpack")
"""Endings of files that run code when they are read, or that transformers would take in place of safetensors."""
OPENVINO = "openvino_model.bin"
"""What OpenVINO calls its weights: numbers alone, no pickle, which no other library looks for; fine where it is listed."""
READ = (".json", ".safetensors", ".onnx", ".gguf", ".model", ".txt", ".jinja", ".py")
"""Endings of files that libraries look for by their names alone."""
_PART = re.compile(r"[\w.@=+~ -]{1,120}")
_DEEPEST = 6
"""Folders inside of each other."""
_AGAIN = "Copy the whole folder again."


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Check every file of an artifact.

    Args:
        folder: the artifact.
        files: SHA-256 by relative path.

    Raises:
        ArtifactError: E-ARTIFACT with everything that is wrong.
    """
    problems = Problems(str(folder))
    for name, expected in files.items():
        if fault := _fault(folder, name) or _changed(folder / name, name, expected):
            problems.add(fault, "E-ARTIFACT")
    for path in _there(folder):
        name = path.relative_to(folder).as_posix()
        if name not in files and name != NAME and path.suffix.lower() in READ and _belongs_to(folder, path):
            problems.add(f"{name} was not saved with the artifact, and libraries may read it. Move it elsewhere.", "E-ARTIFACT")
        elif path.suffix.lower() in PICKLES and not (name == OPENVINO and name in files):
            problems.add(f"{name} may run code when it is read. leantune reads safetensors only: delete it.", "E-ARTIFACT")
    problems.raise_if_any(ArtifactError)


def is_name(name: str) -> bool:
    """Whether a relative path is made of plain names, as leantune writes them.

    >>> [is_name(name) for name in ("model.safetensors", "2_Dense/config.json", "../a", "/a", "a//b", ".")]
    [True, True, False, False, False, False]
    """
    parts = name.split("/")
    return len(parts) <= _DEEPEST and all(_PART.fullmatch(part) and part.strip(".") for part in parts)


def _fault(folder: Path, name: str) -> str | None:
    """What is wrong with where a listed file lies."""
    if not is_name(name):
        return f"{name[:80]!r} is no name of a file in the folder, or lies outside the folder. Get the artifact from where it was made."
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        return f'"{name}" lies outside the folder. Get the artifact from where it was made.'
    return None


def _changed(path: Path, name: str, expected: str) -> str | None:
    if not path.is_file():
        return f"{name} is missing. {_AGAIN}"
    if name != CARD and sha256(path) != expected:
        return f"{name} is not the file that was saved. {_AGAIN}"
    return None


def _there(folder: Path) -> Iterator[Path]:
    """Files in a folder, hidden ones left out; links to folders are not followed."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if not any(part.startswith(".") for part in inside) and (path.is_symlink() or path.is_file()):
            yield path


def _belongs_to(folder: Path, path: Path) -> bool:
    """Whether no other artifact, which has a manifest of its own, lies between a folder and a file in it."""
    between = path.parents[: len(path.relative_to(folder).parts) - 1]
    return not any((one / NAME).is_file() for one in between)
