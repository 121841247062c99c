"""Reads the records of a run: `RUN/trials/<digest>/record.json`, one `TrialRecord` each."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from leantune.core.errors import ArtifactError, Problems
from leantune.core.records import TrialRecord

_PHASES = {"baseline": 0, "race": 1, "final": 2, "train": 3}


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
