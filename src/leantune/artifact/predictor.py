"""Predictor: an artifact loaded for use.

    load("best").predict(["my card was declined"])      ->  [Prediction(label="card", score=0.98)]
    load("best").predict([("premise", "hypothesis")])       for models of pairs

Rows are sorted by length and batched by tokens; the update is folded into the weights where the method allows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leantune.artifact.manifest import Manifest, read_manifest
from leantune.core import catalogue
from leantune.core.errors import ArtifactError, DataError, SpecError
from leantune.data.encoding import Encoded, encode_rows
from leantune.evaluate.predict import logits_of, predict
from leantune.execution.device import pick_device
from leantune.kinds.task import Decoded, Task
from leantune.models.base import Base, open_base, read_tokenizer
from leantune.models.delta import read_delta
from leantune.models.network import Network

Row = str | tuple[str, str] | list[str]


@dataclass(frozen=True)
class Prediction:
    """What the model says about one row."""

    label: str
    score: float
    """Probability of the label, 0 to 1."""


@dataclass(frozen=True)
class Predictor:
    """A loaded artifact; made by `load`."""

    manifest: Manifest
    base: Base
    network: Network
    task: Task
    device: torch.device

    @property
    def labels(self) -> list[str]:
        """Label names in the order of the logits."""
        return self.manifest.facts.labels

    def predict(self, rows: Sequence[Row]) -> list[Prediction]:
        """Label and score of each row, in the order given.

        Args:
            rows: texts, or (text, pair) tuples for a model of pairs.

        Raises:
            DataError: E-TEXT when a row is no text, or a single text where pairs are needed (or the other way round).
        """
        decoded = self.decode(*self._columns(rows))
        return [Prediction(self.labels[label], float(score)) for label, score in zip(decoded.predicted, decoded.confidence, strict=True)]

    def decode(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Decoded:
        """Label numbers and scores of columns of texts; shapes (rows,)."""
        return predict(self.network, self._encoded(texts, pairs), self.task, **self._options())

    def logits(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Logits (rows, labels), in the order given."""
        encoded = self._encoded(*self._columns(rows))
        found = np.zeros((len(encoded), len(self.labels)), dtype=np.float32)
        for places, logits in logits_of(self.network, encoded, **self._options()):
            found[places] = logits.float().cpu().numpy()
        return found

    def _columns(self, rows: Sequence[Row]) -> tuple[list[str], list[str] | None]:
        if isinstance(rows, str):
            raise DataError('predict takes a list of rows. Write predict(["a text"]).', "E-TEXT")
        paired = self.manifest.facts.paired
        for number, row in enumerate(rows, 1):
            if paired and not (isinstance(row, tuple | list) and len(row) == 2 and all(isinstance(text, str) for text in row)):
                raise DataError(f"row {number}: this model reads pairs of texts. Give (text, pair). Got {_short(row)}.", "E-TEXT")
            if not paired and not isinstance(row, str):
                raise DataError(f"row {number}: this model reads single texts. Give a text. Got {_short(row)}.", "E-TEXT")
        if paired:
            return [row[0] for row in rows], [row[1] for row in rows]
        return [str(row) for row in rows], None

    def _encoded(self, texts: Sequence[str], pairs: Sequence[str] | None) -> Encoded:
        return encode_rows(self.base.tokenizer, texts, pairs, self.manifest.max_length)

    def _options(self) -> dict[str, Any]:
        tokenizer = self.base.tokenizer
        types = "token_type_ids" in tokenizer.model_input_names
        return {"pad": int(tokenizer.pad_token_id or 0), "types": types, "device": self.device}


def load(folder: str | Path, *, device: str = "auto", merge: bool = True) -> Predictor:
    """Load an artifact.

    Args:
        folder: what `leantune compare` or `leantune train` saved.
        device: auto, cpu, cuda or mps.
        merge: fold the update into the weights where the method allows it.

    Raises:
        ArtifactError: E-ARTIFACT when files are missing or changed, or when the base model is not the one of the training.
    """
    place = Path(folder).expanduser()
    manifest = read_manifest(place)
    base = replace(find_base(place, manifest), tokenizer=read_tokenizer(place), max_length=manifest.max_length)
    labels = manifest.facts.labels
    task: Task = catalogue.load("tasks", manifest.facts.task)
    chosen = pick_device(device)
    network = read_delta(base, place, labels=labels, outputs=task.outputs(labels), merge=merge).to(chosen)
    return Predictor(manifest, base, network, task, chosen)


def find_base(folder: Path, manifest: Manifest) -> Base:
    """The base model of an artifact, wherever it is now: by its name first, then where it was.

    Raises:
        ArtifactError: E-ARTIFACT when it is gone or has other weights.
    """
    if manifest.form == "whole":
        return open_base(str(folder), pooling=manifest.base.pooling)
    wanted, tried = manifest.base, []
    for name in dict.fromkeys([wanted.name, wanted.source]):
        try:
            found = open_base(name, pooling=wanted.pooling, revision=wanted.revision)
        except SpecError as error:
            tried.append(error.message)
            continue
        if None in (wanted.weights_digest, found.weights_digest) or wanted.weights_digest == found.weights_digest:
            return found
        tried.append(f'"{name}" has other weights than the base model of the training.')
    raise ArtifactError(f"{folder}: its base model was not found. {' '.join(tried)} Put the same base model back.", "E-ARTIFACT")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
