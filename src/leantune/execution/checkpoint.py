"""Checkpoints of one training, so that an interrupted one goes on where it was and ends with the same bits.

    RUN/checkpoints/<digest of the trial>/step-000123/   tensors.safetensors  values.json  manifest.json

A checkpoint is written beside its place, flushed to the disk, sealed by a manifest with the digest of every file, and moved into place
whole; only then is the one before the last removed. Reading takes the newest whole one, and says what is wrong with those it passes over.
No pickle anywhere. A disk without room costs the checkpoint, never the training.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from leantune import __version__
from leantune.core.files import write_atomic
from leantune.core.seal import broken, flush_folder, seal
from leantune.models.tensor_file import read_tensors, write_tensors

FORMAT = 1
SHARE = 0.02
"""Of the time at most that goes into checkpoints."""
KEPT = 2
"""The last one, and the one before it in case the last is damaged."""
MANIFEST, TENSORS, VALUES = "manifest.json", "tensors.safetensors", "values.json"


@dataclass(frozen=True)
class Checkpoint:
    """All that a training is after a step."""

    step: int
    tensors: dict[str, Tensor]
    values: dict[str, Any]
    """What JSON can say exactly."""


@dataclass
class Checkpoints:
    """Where those of one training lie, and when the next one is due."""

    folder: Path
    pause: float | None
    """Seconds between two of them, more where writing them takes long; 0: after every step, None: never."""
    stopping: bool = field(default=False, init=False)
    """Whether the process was asked to end; a last checkpoint is due then."""

    def __post_init__(self) -> None:
        self._last, self._took, self._told = time.monotonic(), 0.0, False

    @property
    def due(self) -> bool:
        """Whether one should be written now."""
        if self.pause is None:
            return False
        wait = max(self.pause, self._took / SHARE) if self.pause else 0.0
        return self.stopping or time.monotonic() - self._last >= wait

    def keep(self, checkpoint: Checkpoint) -> str | None:
        """Write one; where the disk refuses, the others stay. Why it did, the first time; None otherwise."""
        start, place = time.monotonic(), self.folder / f"step-{checkpoint.step:08d}"
        part = self.folder / f".part-{os.getpid()}"
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            write_tensors(checkpoint.tensors, part / TENSORS)
            write_atomic(part / VALUES, json.dumps(checkpoint.values))
            manifest = {"format": FORMAT, "made_by": _made_by(), "step": checkpoint.step, "files": seal(part)}
            write_atomic(part / MANIFEST, json.dumps(manifest))
            for other in self._places():
                if other >= place:  # those that were passed over when the training began anew
                    shutil.rmtree(other, ignore_errors=True)
            os.replace(part, place)
            flush_folder(self.folder)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            told, self._told = self._told, True
            return None if told else f"no checkpoint could be written at step {checkpoint.step} ({error})"
        finally:
            self._last, self._took = time.monotonic(), time.monotonic() - start
        for old in self._places()[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        return None

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole one, and a sentence for each that had to be passed over."""
        for part in self.folder.glob(".part-*"):  # of a process that was killed; the caller holds the run folder
            shutil.rmtree(part, ignore_errors=True)
        rejected = list[str]()
        for place in self._places():
            reason = _fault(place)
            if reason is None:
                values = json.loads((place / VALUES).read_text("utf-8"))
                return Checkpoint(int(place.name.removeprefix("step-")), read_tensors(place / TENSORS, finite=False), values), rejected
            rejected.append(f"checkpoint {place.name} is not used: {reason}")
        return None, rejected

    def clear(self) -> None:
        """The training is over; its trial's own files are whole."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _places(self) -> list[Path]:
        """Folders of checkpoints, newest first."""
        return sorted(self.folder.glob("step-*"), reverse=True) if self.folder.is_dir() else []

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Meanwhile a request to end waits for the end of the step, where a last checkpoint is written."""
        if self.pause is None or threading.current_thread() is not threading.main_thread():
            yield
            return

        def later(*_: object) -> None:
            self.stopping = True

        before = signal.signal(signal.SIGTERM, later)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def _made_by() -> dict[str, str]:
    """Whoever differs in this may compute other bits."""
    versions = {name: version(name) for name in ("torch", "transformers", "peft", "numpy")}
    return {
        "leantune": __version__,
        "threads": str(torch.get_num_threads()),
        "processor": torch.backends.cpu.get_cpu_capability(),
    } | versions


def _fault(place: Path) -> str | None:
    """What is wrong with a checkpoint."""
    try:
        manifest = json.loads((place / MANIFEST).read_text("utf-8"))
        made_by, files, known = dict(manifest["made_by"]), dict(manifest["files"]), manifest["format"]
    except (OSError, ValueError, KeyError, TypeError):
        return "its manifest is missing or damaged"
    if known != FORMAT:
        return f"it has format {known}, and this version of leantune reads {FORMAT}"
    if bad := broken(place, files) or [name for name in (TENSORS, VALUES) if name not in files]:
        return f"{', '.join(bad)} {'is' if len(bad) == 1 else 'are'} not what was written"
    changed = [f"{name} {made_by.get(name)} -> {now}" for name, now in _made_by().items() if made_by.get(name) != now]
    return f"it would not go on with the same bits ({'; '.join(changed)})" if changed else None
