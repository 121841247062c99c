"""Reads and writes what trials leave on disk for a comparison.

RUN/trials/<digest>/record.json        one `TrialRecord`
RUN/trials/<digest>/predictions.npz    dev_gold dev_predicted dev_confidence test_gold test_predicted test_confidence
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from leantune.compare.predictions import Predictions, SplitName
from leantune.core.errors import ArtifactError, Problems
from leantune.core.files import write_atomic
from leantune.core.records import TrialRecord

_PHASES = {"baseline": 0, "race": 1, "final": 2, "train": 3}
_FIELDS = ("gold", "predicted", "confidence")


def read_records(run: Path) -> list[TrialRecord]:
    """Every finished trial of a run, ordered by phase, name, seed and digest.

    Raises:
        ArtifactError: E-RUN, naming every record that cannot be read.
    """
    problems, records = Problems(str(run)), list[TrialRecord]()
    for path in sorted(run.glob("trials/*/record.json")):
        try:
            records.append(TrialRecord.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError) as error:
            first = str(error).splitlines()[0]
            problems.add(
                f"{path.relative_to(run)} is damaged ({first}). Delete its folder and run again: only that trial is repeated.", "E-RUN"
            )
    problems.raise_if_any(ArtifactError)
    return sorted(records, key=lambda record: (_PHASES[record.phase], record.name, record.seed, record.digest))


def read_predictions(run: Path, digest: str, split: SplitName) -> Predictions:
    """What one trial predicted on `split`.

    Raises:
        ArtifactError: E-RUN when the file is missing, damaged or lacks the split.
    """
    path = run / "trials" / digest / "predictions.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            gold, predicted, confidence = (arrays[f"{split}_{field}"] for field in _FIELDS)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
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
