"""Export: an artifact in another form, itself an artifact again, proven like the first.

    export("best", "merged", "out")  ->  out/
    export("best", "onnx-int8", "out", data="dev.csv")      judged by its score on labelled rows too

A format is one file in `formats/` whose `MEMBER(source, measure, folder)` writes the weights; the file's name, with hyphens, is its key.
Where the new form does not say exactly the same, it gives its network and a sentence on how like it is, and has refused what is too unlike.
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

import leantune.artifact.formats as shelf
from leantune.artifact.likeness import Measure
from leantune.artifact.manifest import Facts, read_manifest
from leantune.artifact.parity import GOLDEN, Golden, GoldenRow, as_row
from leantune.artifact.predictor import Predictor, load
from leantune.artifact.probes import made_up
from leantune.artifact.publish import publish, refuse_foreign
from leantune.artifact.reader import Reader
from leantune.core.errors import ArtifactError, SpecError, unknown_name
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
        data: a labelled file, whose score decides whether a form that does not say exactly the same is good enough.
        margin: points of that score that may be lost.

    Raises:
        SpecError: E-NAME for an unknown format, with the nearest valid one; E-EXTRA where a package is missing.
        ArtifactError: E-ARTIFACT when the method has no such form, or when the new form predicts otherwise.
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
    golden = probed(predictor)
    with tempfile.TemporaryDirectory() as temporary:
        measure = Measure(predictor, golden, data, margin)
        found = importlib.import_module(f"leantune.artifact.formats.{key.replace('-', '_')}").MEMBER(here, measure, Path(temporary))
        facts, before = predictor.manifest.facts, None
        if found is not None:
            network, before = found
            golden = said(replace(predictor, network=network), golden.rows)
            facts = _costs(facts, Path(temporary), weight_bytes(network))
        if (here / KNOWN).is_file():
            shutil.copy(here / KNOWN, temporary)
        _write(golden, Path(temporary) / GOLDEN)
        return publish(Path(temporary), there, facts, predictor.base, golden=golden, origin=predictor.manifest.base, before=before)


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


def _costs(facts: Facts, folder: Path, size: int) -> Facts:
    """Sizes of the new form; its latency was not measured."""
    measured = {"saved_bytes": delta_bytes(folder), "model_bytes": size, "latency_ms": None, "flops_per_row": None}
    return facts.model_copy(update={"cost": facts.cost.model_copy(update=measured)})


def _write(golden: Golden, file: Path) -> None:
    """Rows and what is said of them, to check the artifact with wherever it goes."""
    raw = {"rows": golden.rows, "logits": [row.tolist() for row in golden.logits], "answers": golden.answers}
    file.write_text(json.dumps(raw, ensure_ascii=False) + "\n", encoding="utf-8")
