"""What a trial predicted on one split, and the files it lies in.

RUN/trials/<digest>/dev.parquet  test.parquet  test-NAME.parquet     columns gold, predicted, confidence; one line per row of the split

An answer is whatever the task gives for a row: a label number, a number, a list of label numbers, a text. Pages carry checksums.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from leantune.core.errors import ArtifactError
from leantune.core.files import write_atomic
from leantune.kinds.task import Answers


@dataclass(frozen=True)
class Predictions:
    """Predictions on one split, one entry per row."""

    gold: Answers
    predicted: Answers
    confidence: NDArray[Any]
    """Probability of the answer, 0 to 1."""


def read_predictions(run: Path, digest: str, split: str) -> Predictions:
    """What one trial predicted on `split`.

    Raises:
        ArtifactError: E-RUN when the file is missing, damaged or lacks a column.
    """
    path = run / "trials" / digest / f"{split}.parquet"
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        return Predictions(_answers(table["gold"]), _answers(table["predicted"]), table["confidence"].to_numpy())
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        first = str(error).splitlines()[0]
        message = f"{path}: the predictions on {split} cannot be read ({first}). Delete the folder {path.parent.name} and run again."
        raise ArtifactError(message, "E-RUN") from error


def write_predictions(folder: Path, splits: Mapping[str, Predictions]) -> None:
    """Write the predictions into a trial's folder, each file whole or not at all."""
    for split, found in splits.items():
        table = pa.table({name: pa.array(getattr(found, name)) for name in ("gold", "predicted", "confidence")})
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
        write_atomic(folder / f"{split}.parquet", buffer.getvalue())


def same_answers(one: Answers, other: Answers) -> bool:
    """Whether two columns hold the same answers in the same order."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    return list(one) == list(other)


def _answers(column: Any) -> Answers:
    """Numbers as an array, anything else as a list."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        found: NDArray[Any] = column.to_numpy()
        return found
    answers: list[Any] = column.to_pylist()
    return answers
