"""Export: an artifact in another form, itself an artifact again, proven like the first.

    export("best", "merged", "out")  ->  out/

A format is one file in `formats/` whose `MEMBER(source, predictor, folder)` writes the weights; the file's name is its key.
"""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import tempfile
from pathlib import Path

import numpy as np

import leantune.artifact.formats as shelf
from leantune.artifact.parity import Golden, as_row
from leantune.artifact.predictor import Predictor, load
from leantune.artifact.probes import made_up
from leantune.artifact.publish import publish, refuse_foreign
from leantune.core.errors import ArtifactError, unknown_name
from leantune.data.telling import KNOWN

PROBES = 24
"""Made-up rows that both forms must predict alike."""
LONGEST = 48
"""Tokens of a made-up text at most."""


def format_names() -> list[str]:
    """Keys of all formats, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(shelf.__path__) if not module.name.startswith("_"))


def export(source: str | Path, fmt: str, out: str | Path) -> Path:
    """Write an artifact in another form.

    Args:
        source: the artifact.
        fmt: a name of `format_names()`.
        out: the new folder.

    Raises:
        SpecError: E-NAME for an unknown format, with the nearest valid one.
        ArtifactError: E-ARTIFACT when the method has no such form, or when the new form predicts otherwise.
    """
    if fmt not in format_names():
        raise unknown_name("format", fmt, format_names())
    here, there = Path(source).expanduser(), Path(out).expanduser()
    if here.resolve() == there.resolve():
        raise ArtifactError(f'"{out}" is the artifact itself. Choose another folder with --out.', "E-ARTIFACT")
    refuse_foreign(there)
    predictor = load(here, device="cpu", merge=False)
    golden = probed(predictor)
    with tempfile.TemporaryDirectory() as temporary:
        importlib.import_module(f"leantune.artifact.formats.{fmt}").MEMBER(here, predictor, Path(temporary))
        if (here / KNOWN).is_file():
            shutil.copy(here / KNOWN, temporary)
        kept = predictor.manifest
        return publish(Path(temporary), there, kept.facts, predictor.base, golden=golden, origin=kept.base)


def probed(predictor: Predictor) -> Golden:
    """Made-up rows, and what the present form says of them."""
    facts = predictor.manifest.facts
    room = predictor.manifest.max_length - facts.target_length - 4
    most = max(2, min(LONGEST, room) if facts.long == "head" else 2 * room)  # rows of all lengths, where it matters what is read
    rows = made_up(predictor.base.tokenizer, facts, most=most, count=PROBES)
    inputs = [as_row(row, facts) for row in rows]
    answers = [(found.label, found.score) for found in predictor.predict(inputs)]
    return Golden(rows, [logits.astype(np.float64) for logits in predictor.logits(inputs)], answers)
