"""The trials of a run: `RUN/trials/<digest>/`, each with its record (`core.trial_folder`)."""

from __future__ import annotations

from pathlib import Path

from leantune.core import trial_folder
from leantune.core.records import TrialRecord

_PHASES = ("baseline", "race", "final", "train")


def read_record(run: Path, digest: str) -> TrialRecord | None:
    """The record of a finished trial whose files are whole, or None."""
    return trial_folder.read_record(run / "trials" / digest)


def damage(run: Path, digest: str) -> str | None:
    """Why a trial that was finished is run again: what the disk has lost of it."""
    found = trial_folder.fault(run / "trials" / digest)
    return f"{found}; that trial is run again" if found else None


def ordered(records: list[TrialRecord]) -> list[TrialRecord]:
    """By phase, name, seed and digest: the order in which they ran does not matter."""
    return sorted(records, key=lambda record: (_PHASES.index(record.phase), record.name, record.seed, record.digest))
