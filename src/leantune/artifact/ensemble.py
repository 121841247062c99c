"""Ensemble: several models of one task, of whatever bases, read as one: the weighted mean of their probabilities.

    opened("best").predict(["my card was declined"])        of an artifact of one model or of several

Each member reads a row by its own tokenizer, length and prompt; what is averaged has one line for a row, or one for each of its options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.artifact.manifest import Manifest, read_manifest
from leantune.artifact.predictor import Predictor, load
from leantune.artifact.reader import Reader
from leantune.core import catalogue
from leantune.data.examples import ExampleChunk
from leantune.kinds.task import Decoded, Task

Logits = NDArray[np.float32] | list[NDArray[np.float32]]
"""(rows, C), or (options,) for each row."""
MEMBERS = "members"
"""The folder of the members inside of an ensemble."""


@dataclass(frozen=True)
class Ensemble(Reader):
    """Loaded members; made by `opened`."""

    manifest: Manifest
    task: Task
    members: tuple[Predictor, ...]

    def read(self, chunk: ExampleChunk) -> Logits:
        """Logits that stand for the mean probabilities."""
        return blended(self.task, [one.read(chunk) for one in self.members], [one.weight for one in self.manifest.members])

    def decode(self, chunk: ExampleChunk) -> Decoded:
        """Answers of rows as the task codes them, and their scores."""
        return decoded(self.members[0], chunk, self.read(chunk))

    def cut(self, texts: Sequence[str]) -> list[int]:
        """Places of the first texts whose end one of the members does not read."""
        return sorted({place for one in self.members for place in one.cut(texts)})


def opened(folder: str | Path, *, device: str = "auto") -> Reader:
    """An artifact, whether it holds one model or several.

    Args:
        folder: what `leantune compare`, `leantune train` or `leantune ensemble` saved.
        device: auto, cpu, cuda or mps.

    Raises:
        ArtifactError: as `load`.
    """
    place = Path(folder).expanduser()
    if not (place / MEMBERS).is_dir():
        return load(place, device=device)
    manifest = read_manifest(place)
    task: Task = catalogue.load("tasks", manifest.facts.task)
    return Ensemble(manifest, task, tuple(load(place / one.folder, device=device) for one in manifest.members))


def blended(task: Task, said: Sequence[Logits], weights: Sequence[float]) -> Logits:
    """What several models say together.

    Args:
        task: theirs.
        said: the logits of each for the same rows.
        weights: of each, summing to 1; a model of weight 0 is not asked.
    """
    kept = [(logits, weight) for logits, weight in zip(said, weights, strict=True) if weight]
    shares = torch.tensor([weight for _, weight in kept])
    if all(isinstance(logits, np.ndarray) for logits, _ in kept):
        return task.blend(torch.from_numpy(np.stack([logits for logits, _ in kept])), shares).numpy()  # type: ignore[no-any-return]
    rows = zip(*(logits for logits, _ in kept), strict=True)
    return [task.blend(torch.from_numpy(np.stack(row))[:, None], shares)[0].numpy() for row in rows]


def decoded(first: Predictor, chunk: ExampleChunk, logits: Logits) -> Decoded:
    """Answers of rows from their logits; `first` reads the options of rows that have some."""
    if isinstance(logits, np.ndarray):
        return first.task.decode(torch.from_numpy(logits), None)
    flat = torch.from_numpy(np.concatenate(logits))[:, None]
    return first.task.join(first.task.decode(flat, None), first.encoded(chunk), first.labels, None, chunk.pairs)
