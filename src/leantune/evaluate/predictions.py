"""What a trial predicted on one split, and the file it lies in.

RUN/trials/<digest>/predictions.npz    dev_gold dev_predicted dev_confidence test_gold test_predicted test_confidence
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import ArtifactError
from leantune.core.files import write_atomic

SplitName = Literal["dev", "test"]

_FIELDS = ("gold", "predicted", "confidence")


@dataclass(frozen=True)
class Predictions:
    """Predictions on one split, all arrays of shape [rows]."""

    gold: NDArray[Any]
    """Label numbers."""
    predicted: NDArray[Any]
    """Label numbers."""
    confidence: NDArray[Any]
    """Probability of the predicted label, 0 to 1."""


def read_predictions(run: Path, digest: str, split: SplitName) -> Predictions:
    """What one trial predicted on `split`.

    Raises:
        ArtifactError: E-RUN when the file is missing, damaged or lacks the split.
    """
    path = run / "trials" / digest / "predictions.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            gold, predicted, confidence = (arrays[f"{split}_{field}"] for field in _FIELDS)
    except (OSError, EOFError, KeyError, TypeError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        message = f"{path}: the predictions on {split} cannot be read ({error}). Delete the folder {path.parent.name} and run again."
        raise ArtifactError(message, "E-RUN") from error
    if not gold.shape == predicted.shape == confidence.shape or gold.ndim != 1:
        raise ArtifactError(f"{path}: the arrays of {split} differ in length. Delete the folder {path.parent.name} and run again.", "E-RUN")
    return Predictions(gold.astype(np.int64), predicted.astype(np.int64), confidence.astype(np.float64))


def write_predictions(folder: Path, splits: Mapping[SplitName, Predictions]) -> Path:
    """Write `predictions.npz` into a trial's folder, whole or not at all."""
    arrays = {f"{split}_{field}": getattr(found, field) for split, found in splits.items() for field in _FIELDS}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path = folder / "predictions.npz"
    write_atomic(path, buffer.getvalue())
    return path
