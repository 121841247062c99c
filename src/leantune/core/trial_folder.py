"""The folder of a finished trial: its record is written last and seals the files beside it.

    write_record(folder, record)     read_record(folder)     fault(folder)

A folder without a whole record, or with a file that is not what the record says, is no finished trial: it is run again.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from leantune.core.errors import some
from leantune.core.files import read_kept, write_atomic
from leantune.core.records import TrialRecord
from leantune.core.seal import broken, seal

RECORD = "record.json"
_UNSEALED = (RECORD, "events.jsonl")
"""The seal itself, and a log that nothing reads."""


def write_record(folder: Path, record: TrialRecord) -> TrialRecord:
    """Seal the folder; the record with the seal."""
    sealed = record.model_copy(update={"files": seal(folder, _UNSEALED) if folder.is_dir() else {}})
    write_atomic(folder / RECORD, sealed.model_dump_json(indent=1))
    return sealed


def read_record(folder: Path) -> TrialRecord | None:
    """The record of a finished, whole trial; None where there is none."""
    return None if fault(folder) else read_kept(folder / RECORD, TrialRecord)


def fault(folder: Path) -> str | None:
    """What is damaged in a folder that has a record, in one sentence."""
    path = folder / RECORD
    return _fault(folder, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=1024)
def _fault(folder: Path, stamp: int) -> str | None:
    """Read once in a process for each record; `stamp` is when it was written."""
    del stamp
    record = read_kept(folder / RECORD, TrialRecord)
    if record is None:
        return f"{folder / RECORD} is damaged or from another version"
    bad = broken(folder, record.files)
    return f"{some(bad)} in {folder} {'is' if len(bad) == 1 else 'are'} not what the trial wrote" if bad else None
