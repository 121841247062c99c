"""Export: an artifact in another form, itself an artifact again, proven like the first.

    export("best", "merged", "out")  ->  out/
    export("best", "onnx-int8", "out", data="dev.csv")      judged by its score on labelled rows too

A format is one file in `formats/` whose `MEMBER(source, measure, folder)` writes the weights; the file's name, with hyphens, is its key.
One that writes a graph gives a `Form`: the graph, what else it wrote, and, where the graph need not say exactly the same, a sentence on how
like it is; it has refused what is too unlike.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import leantune.artifact.formats as shelf
from leantune.artifact.formats._form import Form, Timed
from leantune.artifact.likeness import Labelled, Measure
from leantune.artifact.manifest import Facts, read_manifest
from leantune.artifact.parity import GOLDEN, Golden, GoldenRow, as_row
from leantune.artifact.predictor import Predictor, load
from leantune.artifact.probes import made_up
from leantune.artifact.publish import publish, refuse_foreign
from leantune.artifact.reader import Reader
from leantune.core.errors import ArtifactError, SpecError, unknown_name
from leantune.core.human import milliseconds, plural, size
from leantune.data.telling import KNOWN
from leantune.models.delta import delta_bytes
from leantune.models.network import weight_bytes

PROBES = 24
"""Made-up rows that both forms must predict alike."""
LONGEST = 48
"""Tokens of a made-up text at most."""


def format_names() -> list[str]:
    """Keys of all formats, sorted."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(shelf.__path__) if not module.name.startswith("_"))


def export(source: str | Path, fmt: str, out: str | Path, *, data: str | None = None, margin: float = 1.0) -> Path:
    """Write an artifact in another form.

    Args:
        source: the artifact.
        fmt: a name of `format_names()`.
        out: the new folder.
        data: a labelled file, on which every form must score as the artifact does, and whose score decides whether one in fewer bits,
            which does not say exactly the same, is good enough.
        margin: points of that score that a form in fewer bits may lose.

    Raises:
        SpecError: E-NAME for an unknown format, with the nearest valid one; E-EXTRA where a package is missing.
        DataError: for a labelled file that is missing or another one than the model reads.
        ArtifactError: E-ARTIFACT when the method has no such form, or when the new form predicts or scores otherwise.
    """
    key = fmt.replace(".", "-").replace("_", "-")
    if key not in format_names():
        raise unknown_name("format", fmt, format_names())
    if not 0 < margin < 100:
        raise SpecError(f"--margin must lie between 0 and 100 points. Got {margin:g}.", "E-RANGE")
    here, there = Path(source).expanduser(), Path(out).expanduser()
    if here.resolve() == there.resolve():
        raise ArtifactError(f'"{out}" is the artifact itself. Choose another folder with --out.', "E-ARTIFACT")
    refuse_foreign(there)
    if read_manifest(here).form == "onnx":
        raise ArtifactError(f"{here} is a graph, from which nothing leads back. Export the artifact that it was made of.", "E-ARTIFACT")
    predictor = load(here, device="cpu", merge=False)
    labelled = None if data is None else Labelled.scored(predictor, data)
    measure = Measure(predictor, probed(predictor), labelled, margin)
    with tempfile.TemporaryDirectory() as temporary:
        form = importlib.import_module(f"leantune.artifact.formats.{key.replace('-', '_')}").MEMBER(here, measure, Path(temporary))
        if (here / KNOWN).is_file():
            shutil.copy(here / KNOWN, temporary)
        return _publish(here, measure, form, Path(temporary), there)


def _publish(here: Path, measure: Measure, form: Form | None, folder: Path, there: Path) -> Path:
    """Move what was written to its place when all that is in it is proven."""
    predictor, golden, facts, told = measure.predictor, measure.golden, measure.predictor.manifest.facts, list[str | None]()
    if form is not None:
        beside = [measure.beside(network, file) for file, network in form.beside.items()]
        told = [form.found, *beside, _spent(here, measure, form.timed) if form.timed else None]
        facts = _costs(facts, folder, weight_bytes(form.graph))
        golden = said(replace(predictor, network=form.graph), golden.rows) if form.found else golden
    _write(golden, folder / GOLDEN)

    def look(written: Path) -> str | None:
        # Fewer bits were judged by the margin when they were chosen.
        scored = None if form and form.found else measure.scored(load(written, device="cpu"), f"{written}: it")
        return "; ".join(filter(None, [*told, scored])) or None

    return publish(folder, there, facts, predictor.base, golden=golden, origin=predictor.manifest.base, look=look)


def _spent(here: Path, measure: Measure, timed: Timed) -> str:
    """A sentence about size and speed, before and now, on the same rows."""
    predictor, rows = measure.predictor, [as_row(row, measure.predictor.manifest.facts) for row in measure.golden.rows]
    both = {timed.runtime: timed.network, "PyTorch": load(here, device="cpu", merge=True).network}
    now, before = (
        f"{size(weight_bytes(network))}, {milliseconds(replace(predictor, network=network).one_row_ms(rows))} a row by {runtime}"
        for runtime, network in both.items()
    )
    return f"{now} (before: {before}; made-up rows one at a time, {plural(torch.get_num_threads(), 'thread')})"


def probed(predictor: Predictor) -> Golden:
    """Made-up rows, and what the present form says of them."""
    return said(predictor, probes(predictor))


def probes(predictor: Predictor) -> list[GoldenRow]:
    """Made-up rows of many lengths."""
    facts = predictor.manifest.facts
    room = predictor.manifest.max_length - facts.target_length - 4
    most = max(2, min(LONGEST, room) if facts.long == "head" else 2 * room)  # rows of all lengths, where it matters what is read
    return made_up(predictor.base.tokenizer, facts, most=most, count=PROBES)


def said(predictor: Reader, rows: Sequence[GoldenRow]) -> Golden:
    """What a form says of rows."""
    inputs = [as_row(row, predictor.manifest.facts) for row in rows]
    answers = [(found.label, found.score) for found in predictor.predict(inputs)]
    return Golden(list(rows), [logits.astype(np.float64) for logits in predictor.logits(inputs)], answers)


def _costs(facts: Facts, folder: Path, weights: int) -> Facts:
    """Sizes of the new form; the artifact's latency is that of another runtime, on rows that are not here."""
    measured = {"saved_bytes": delta_bytes(folder), "model_bytes": weights, "latency_ms": None, "flops_per_row": None}
    return facts.model_copy(update={"cost": facts.cost.model_copy(update=measured)})


def _write(golden: Golden, file: Path) -> None:
    """Rows and what is said of them, to check the artifact with wherever it goes."""
    raw = {"rows": golden.rows, "logits": [row.tolist() for row in golden.logits], "answers": golden.answers}
    file.write_text(json.dumps(raw, ensure_ascii=False) + "\n", encoding="utf-8")
