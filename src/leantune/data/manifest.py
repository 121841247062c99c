"""`manifest.json`: what a prepared data folder holds, and the digests by which it is known again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from leantune.core.files import write_atomic
from leantune.core.spec import Spec
from leantune.data.columns import Columns
from leantune.data.intake import Inference

VERSION = 2
"""Raised when the same file would be prepared differently."""


class SourceTable(Spec):
    """One file of the user's."""

    name: str
    rows: int
    table: str
    """The file as it was read, every column: an Arrow file, relative to the folder."""


class Manifest(Spec):
    """A prepared data folder."""

    version: int = VERSION
    source: str
    """Names of the user's files, without further test sets."""
    key: str
    """Digest of the sources' bytes and of the settings: the same key is not prepared twice."""
    digest: str
    """Digest of what training and scoring see: texts, labels and splits; the same rows from CSV and from JSON have the same."""
    task: str
    gold: str = "label"
    """Kind of its answers: a name of `data.golds`."""
    seed: int
    columns: Columns
    labels: list[str]
    sizes: dict[str, int]
    """Rows per split."""
    sources: dict[str, SourceTable]
    """Per split the file its rows come from; row numbers count in that file."""
    test: str | None = None
    """Name of the main test set; None where it has none."""
    further: dict[str, str] = {}
    """Digest of what scoring sees of each further test set, by its name; `digest` does not depend on them."""
    inferences: list[Inference]


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none that this version can use."""
    try:
        found = Manifest.model_validate_json((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValidationError):
        return None
    whole = all((folder / f"{name}.arrow").exists() for name in found.sizes) and all(
        (folder / one.table).exists() for one in found.sources.values()
    )
    return found if found.version == VERSION and whole else None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest last: a folder with one is complete."""
    write_atomic(folder / "manifest.json", manifest.model_dump_json(indent=2) + "\n")


class ContentDigest:
    """Digest of columns that come in batches; how they were cut into batches does not matter."""

    def __init__(self) -> None:
        self._content, self._lengths = hashlib.sha256(), hashlib.sha256()

    def add(self, column: Any) -> None:
        """Add a column of texts or numbers, or of lists or objects of them (an Arrow array)."""
        if pa.types.is_list(column.type):
            self.add_numbers(pc.list_value_length(column).to_numpy(zero_copy_only=False))
            self.add(column.flatten())
        elif pa.types.is_struct(column.type):
            for part in column.flatten():
                self.add(part)
        elif pa.types.is_string(column.type):
            self.add_texts(column)
        else:
            numbers = column.to_numpy(zero_copy_only=False)
            self.add_numbers(numbers.view(np.int64) if numbers.dtype == np.float64 else numbers)

    def add_texts(self, column: Any) -> None:
        """Add a column of texts (an Arrow array; null differs from "")."""
        lengths = pc.fill_null(pc.binary_length(column), -1).to_numpy(zero_copy_only=False).astype("<i4")
        self._lengths.update(lengths.tobytes())
        if len(column) and column.buffers()[2] is not None:
            offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
            self._content.update(memoryview(column.buffers()[2])[int(offsets[0]) : int(offsets[-1])])

    def add_numbers(self, numbers: np.ndarray[Any, Any]) -> None:
        """Add a column of integers."""
        self._lengths.update(numbers.astype("<i8").tobytes())

    def name(self) -> str:
        """Sixteen hexadecimal digits."""
        return hashlib.sha256(self._content.digest() + self._lengths.digest()).hexdigest()[:16]
