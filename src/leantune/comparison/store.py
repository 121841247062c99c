"""Reads the records of a run: `RUN/trials/<digest>/record.json`, one `TrialRecord` each."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from leantune.core.errors import ArtifactError
from leantune.core.records import TrialRecord

_PHASES = ("baseline", "race", "final", "train")


def read_record(run: Path, digest: str) -> TrialRecord | None:
    """The record of a finished trial, or None.

    Raises:
        ArtifactError: E-RUN when it cannot be read.
    """
    path = run / "trials" / digest / "record.json"
    if not path.is_file():
        return None
    try:
        return TrialRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()[0]
        message = f"{path} is damaged ({first}). Delete its folder and run again: only that trial is repeated."
        raise ArtifactError(message, "E-RUN") from error


def ordered(records: list[TrialRecord]) -> list[TrialRecord]:
    """By phase, name, seed and digest: the order in which they ran does not matter."""
    return sorted(records, key=lambda record: (_PHASES.index(record.phase), record.name, record.seed, record.digest))
