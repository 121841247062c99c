"""Ensemble: several models of one task, of whatever bases, read as one: the weighted mean of their probabilities.

    opened("best").predict(["my card was declined"])        of an artifact of one model or of several

Each member reads a row by its own tokenizer, length and prompt. What is averaged has one line for a row, for each of its options, for each
of its words, or for each span that may be the answer.
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
from leantune.artifact.rows import Focused, Row
from leantune.core import catalogue
from leantune.data.examples import ExampleChunk
from leantune.kinds.task import Decoded, Task

Said = NDArray[np.float32] | list[NDArray[np.float32]]
"""Logits (rows, C), or (options,) for each row; where tokens have logits what `Task.told` says of each row."""
MEMBERS = "members"
"""The folder of the members inside of an ensemble."""


@dataclass(frozen=True)
class Ensemble(Reader):
    """Loaded members; made by `opened`."""

    manifest: Manifest
    task: Task
    members: tuple[Predictor, ...]

    def read(self, chunk: ExampleChunk) -> Said:
        """What stands for the mean probabilities, see `Said`."""
        return blended(self.task, [said_by(one, chunk) for one in self.members], [one.weight for one in self.manifest.members])

    def logits(self, rows: Sequence[Row] | Sequence[Focused]) -> Said:
        """As `Reader.logits`; log-probabilities (words, C) of the tags of each row, (1,) of the answer where spans are sought."""
        found = super().logits(rows)
        return [row[:, 2].max(keepdims=True) for row in found] if self.task.head == "span" else found

    def decode(self, chunk: ExampleChunk) -> Decoded:
        """Answers of rows as the task codes them, and their scores."""
        return decoded(self.members[0], chunk, self.read(chunk))

    def cut(self, texts: Sequence[str]) -> list[int]:
        """Places of the first texts whose end one of the members does not read."""
        return sorted({place for one in self.members for place in one.cut(texts)})

    def shortened(self, chunk: ExampleChunk) -> list[int]:
        """Places of rows of which one of the members does not read everything."""
        return sorted({place for one in self.members for place in one.shortened(chunk)})


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


def said_by(member: Predictor, chunk: ExampleChunk) -> Said:
    """What one member says of rows, in terms that members with other tokenizers share."""
    return member.read(chunk) if member.task.head == "sequence" else member.told(chunk)


def blended(task: Task, said: Sequence[Said], weights: Sequence[float]) -> Said:
    """What several models say together.

    Args:
        task: theirs.
        said: by each of the same rows.
        weights: of each, summing to 1; a model of weight 0 is not asked.
    """
    kept = [(logits, weight) for logits, weight in zip(said, weights, strict=True) if weight]
    if task.head != "sequence":
        return [task.agree(row, [weight for _, weight in kept]) for row in zip(*(told for told, _ in kept), strict=True)]
    shares = torch.tensor([weight for _, weight in kept])
    if all(isinstance(logits, np.ndarray) for logits, _ in kept):
        return task.blend(torch.from_numpy(np.stack([logits for logits, _ in kept])), shares).numpy()  # type: ignore[no-any-return]
    rows = zip(*(logits for logits, _ in kept), strict=True)
    return [task.blend(torch.from_numpy(np.stack(row))[:, None], shares)[0].numpy() for row in rows]


def decoded(first: Predictor, chunk: ExampleChunk, logits: Said) -> Decoded:
    """Answers of rows from what is said of them; `first` reads the options of rows that have some."""
    if first.task.head != "sequence":
        return first.task.concluded(list(logits), first.labels, chunk.pairs)
    if isinstance(logits, np.ndarray):
        return first.task.decode(torch.from_numpy(logits), None)
    flat = torch.from_numpy(np.concatenate(logits))[:, None]
    return first.task.join(first.task.decode(flat, None), first.encoded(chunk), first.labels, None, chunk.pairs)
