"""Predictor: an artifact of one model, loaded for use.

    load("best").predict(["my card was declined"])      ->  [Prediction(label="card", score=0.98)]

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
from leantune.artifact.reader import Reader
from leantune.artifact.rows import Focused, Row, chunk_of
from leantune.artifact.worded import worded_of
from leantune.core import catalogue
from leantune.core.errors import ArtifactError, LeantuneError, SpecError, raise_together
from leantune.core.files import read_kept
from leantune.core.long import FIELDS, Long
from leantune.core.records import Decoding
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._long import reader_of
from leantune.data.pieces._pieces import Informed, Pieces, Room, too_long
from leantune.data.telling import KNOWN, Known
from leantune.evaluate.generate import Writer, write
from leantune.evaluate.latency import one_row_ms
from leantune.evaluate.masks import filled
from leantune.evaluate.predict import averaged, logits_of, predict, read_logits
from leantune.execution.device import pick_device
from leantune.kinds.prompt import Worded
from leantune.kinds.task import Decoded, Marked, Task
from leantune.models.base import Base, open_base, read_tokenizer
from leantune.models.delta import read_delta
from leantune.models.network import Network
from leantune.models.surprise import Surprise
from leantune.models.untrusted import reading, refuse_deep, refuse_strange_tokens, refuse_tokenizer

_ENDLESS = 1 << 24
"""Tokens that no row has."""


@dataclass(frozen=True)
class Predictor(Reader):
    """A loaded artifact; made by `load`."""

    manifest: Manifest
    base: Base
    network: Network
    task: Task
    device: torch.device
    worded: Worded | None = None
    """The prompt; None without one."""
    known: Known | None = None
    """What the training rows taught of sentences that matter; None where none are chosen."""
    informed: Informed | None = None
    """How surprising each token of a text is to the base as it was; None where no word is left out by that."""

    def said(self, chunk: ExampleChunk) -> Decoded:
        """As `decode`, but a masked language model fills the masks that stand in a text."""
        facts, tokenizer = self.manifest.facts, self.base.tokenizer
        masked = [row for row, text in enumerate(chunk.texts) if facts.hides and tokenizer.mask_token in text]
        decoded = self.decode(chunk)
        if not masked:
            return decoded
        options: dict[str, Any] = {"length": self.manifest.max_length, "types": self._options()["types"]}
        found = dict(zip(masked, filled(self.network, tokenizer, [chunk.texts[row] for row in masked], **options), strict=True))
        answers = [(found.get(row, pair)) for row, pair in enumerate(zip(decoded.predicted, decoded.confidence, strict=True))]
        return Decoded([answer for answer, _ in answers], np.array([likely for _, likely in answers], np.float32))

    def decode(self, chunk: ExampleChunk) -> Decoded:
        """Answers of rows as the task codes them, and their scores."""
        encoded = self.encoded(chunk)
        sizes = None if chunk.words is None else [len(words) for words in chunk.words]
        facts = self.manifest.facts
        if self.task.writes:
            writer = Writer(self.base.tokenizer, facts.decoding or Decoding(), facts.target_length)
            return write(self.network, encoded, self.task, writer, **self._options())
        found = predict(self.network, encoded, self.task, **self._options())
        return self.task.join(found, encoded, self.labels, sizes, chunk.pairs)

    def cut(self, texts: Sequence[str]) -> list[int]:
        """Places of the first texts whose end is not read, for a model that needs the room for the second ones."""
        pieces: Pieces = catalogue.load("data.pieces", self.manifest.facts.pieces)
        most = pieces.most_first(self.manifest.max_length)
        return too_long(self.base.count_tokens, texts, most) if most else []

    def shortened(self, chunk: ExampleChunk) -> list[int]:
        """Places of rows that are longer than what is read of them; none where all of a row is read in several pieces."""
        kind: Pieces = catalogue.load("data.pieces", self.manifest.facts.pieces)
        if not kind.whole or Long.parse(self.manifest.facts.long, FIELDS).windows:
            return []
        tokenizer, most, pieces = self.base.tokenizer, self.manifest.max_length, self._pieces
        pairs = chunk.pairs or [""] * len(chunk.texts)
        empty = int(encode_rows(tokenizer, _of([""], [""], chunk), _ENDLESS, pieces).lengths.max())
        sizes = [len(text.encode()) + len(pair.encode()) + empty for text, pair in zip(chunk.texts, pairs, strict=True)]
        likely = [place for place, size in enumerate(sizes) if size > most]  # no token is less than a byte
        if not likely:
            return []
        rows = _of([chunk.texts[place] for place in likely], [pairs[place] for place in likely], chunk)
        whole = encode_rows(tokenizer, rows, _ENDLESS, pieces)
        return [likely[row] for row in np.unique(whole.rows[whole.lengths > most]).tolist()]

    def read(self, chunk: ExampleChunk) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """Logits of rows, see `Reader.logits`."""
        encoded, count = self.encoded(chunk), len(chunk.texts)
        if encoded.averages:
            return averaged(self.network, encoded, **self._options())
        found: dict[int, NDArray[np.float32]] = {}
        for pieces, padded, logits in logits_of(self.network, encoded, **self._options()):
            found |= dict(zip(pieces.tolist(), read_logits(self.network, logits, padded), strict=True))
        if encoded.together:
            return [np.concatenate([found[int(piece)] for piece in encoded.units.pieces(np.array([row]))]) for row in range(count)]
        if encoded.pool:
            return np.array([found[row] for row in range(count)])
        firsts = np.searchsorted(encoded.rows, np.arange(count))
        listed = [found[int(piece)] for piece in firsts]
        return np.array(listed) if encoded.marks is None or encoded.asks else listed

    def told(self, chunk: ExampleChunk) -> list[NDArray[np.float32]]:
        """What is said of rows whose tokens have logits, as `Task.told`."""
        encoded, found = self.encoded(chunk), dict[int, Marked]()
        for numbers, padded, logits in logits_of(self.network, encoded, **self._options()):
            assert padded.marks is not None
            read = zip(numbers.tolist(), logits.float().cpu().numpy(), padded.marks, strict=True)
            found |= {piece: Marked(values, marks) for piece, values, marks in read}
        sizes = [0] * len(chunk) if chunk.words is None else [len(words) for words in chunk.words]
        pairs: Sequence[str | None] = chunk.pairs or [None] * len(chunk)
        pieces = [[found[int(piece)] for piece in encoded.pieces_of([row])] for row in range(len(chunk))]
        return [self.task.told(own, self.labels, size, pair) for own, size, pair in zip(pieces, sizes, pairs, strict=True)]

    def encoded(self, chunk: ExampleChunk) -> Encoded:
        """Rows as the base reads them."""
        room = Room(self.manifest.max_length, self.manifest.facts.target_length)
        return encode_rows(self.base.tokenizer, chunk, room, self._pieces)

    def one_row_ms(self, rows: Sequence[Row] | Sequence[Focused]) -> float:
        """Milliseconds for a row, one at a time; the texts are encoded beforehand."""
        chunk = chunk_of(rows, self.manifest.facts, self.task.pattern)
        return one_row_ms(self.network, self.encoded(chunk), **self._options())

    @property
    def _pieces(self) -> str | Pieces:
        """How rows become pieces."""
        facts = self.manifest.facts
        reader = reader_of(facts.pieces, Long.parse(facts.long, FIELDS), self.known, self.informed)
        return reader if self.worded is None else self.worded.pieces or reader

    def _options(self) -> dict[str, Any]:
        tokenizer = self.base.tokenizer
        types = "token_type_ids" in tokenizer.model_input_names
        return {"pad": int(tokenizer.pad_token_id or 0), "types": types, "device": self.device}


def _of(texts: list[str], pairs: list[str], like: ExampleChunk) -> ExampleChunk:
    return ExampleChunk(texts, pairs if like.pairs is not None else None)


def load(folder: str | Path, *, device: str = "auto", merge: bool = True) -> Predictor:
    """Load an artifact.

    Args:
        folder: what `leantune compare` or `leantune train` saved.
        device: auto, cpu, cuda or mps.
        merge: fold the update into the weights where the method allows it.

    Raises:
        ArtifactError: E-ARTIFACT when files are missing or changed, when the base model is not the one of the training, or for an ensemble.
    """
    place = Path(folder).expanduser()
    manifest = read_manifest(place)
    if manifest.form == "ensemble":
        raise ArtifactError(
            f"{place} is an ensemble of {len(manifest.members)} models, which only predict, evaluate and load take. "
            f"Distil it into one model: --method \"distill(teacher='{place}') | full\".",
            "E-ARTIFACT",
        )
    with reading(place):
        return _loaded(place, manifest, device, merge=merge)


def load_all(folders: Sequence[str | Path]) -> list[Predictor]:
    """Several artifacts on the CPU; raises what is wrong with any of them, all of it at once, as `load` does."""
    found, faults = list[Predictor](), list[LeantuneError]()
    for folder in folders:
        try:
            found.append(load(folder, device="cpu"))
        except LeantuneError as error:
            faults.append(error)
    raise_together("artifacts", faults)
    return found


def _loaded(place: Path, manifest: Manifest, device: str, *, merge: bool) -> Predictor:
    """A model of files that may be anybody's."""
    refuse_tokenizer(place)
    if manifest.form != "adapter":
        refuse_deep(place)
    found = find_base(place, manifest)
    base = replace(found, tokenizer=read_tokenizer(place), max_length=manifest.max_length)
    task: Task = catalogue.load("tasks", manifest.facts.task)
    chosen = pick_device(device)
    informed = Surprise(find_origin(place, manifest), chosen) if manifest.facts.compresses else None
    worded = worded_of(manifest, base, informed)
    head = task.head_spec(manifest.facts.labels) if worded is None else worded.head
    network = read_delta(base, place, replace(head, anchored=manifest.facts.anchored), merge=merge).to(chosen)
    refuse_strange_tokens(place, base.tokenizer, found.tokenizer if manifest.form == "adapter" else base.tokenizer, network.body)
    return Predictor(manifest, base, network, task, chosen, worded, read_kept(place / KNOWN, Known), informed)


def find_base(folder: Path, manifest: Manifest) -> Base:
    """What an artifact stands on: a whole model on itself, an adapter on its base model, see `find_origin`.

    Raises:
        ArtifactError: E-ARTIFACT when it is gone or has other weights.
    """
    return open_base(str(folder), pooling=manifest.base.pooling) if manifest.form != "adapter" else find_origin(folder, manifest)


def find_origin(folder: Path, manifest: Manifest) -> Base:
    """The base model that was trained, as it was before and wherever it is now: by its name first, then where it was.

    Raises:
        ArtifactError: E-ARTIFACT when it is gone or has other weights.
    """
    wanted, tried = manifest.base, []
    for name in dict.fromkeys([wanted.name, wanted.source]):
        try:
            found = open_base(name, pooling=wanted.pooling, revision=wanted.revision)
        except SpecError as error:
            tried.append(error.message)
            continue
        if wanted.weights_digest in (None, found.stored_digest):
            return found
        has = "has other weights than" if found.stored_digest else "does not show its weights, so nobody knows whether they are those of"
        tried.append(f'"{name}" {has} the base model of the training.')
    raise ArtifactError(f"{folder}: its base model was not found. {' '.join(tried)} Put the same base model back.", "E-ARTIFACT")
