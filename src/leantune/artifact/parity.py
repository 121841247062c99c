"""Parity: an artifact is loaded in fresh processes, in every way it promises, and must predict as the trained network did.

    proof = prove(folder, golden, ways=["leantune", "predict.py", "peft"])
    proof.sentence     reloaded in fresh processes through leantune, predict.py and peft: same predictions on 32 rows, ...

A way that cannot load the folder is reported in `failed`; different numbers are an error.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.artifact.manifest import Facts
from leantune.core import catalogue
from leantune.core.errors import ArtifactError
from leantune.data import focus
from leantune.kinds.task import Task
from leantune.models.four_bit import FILE as PACKING
from leantune.models.four_bit import ROUNDING, is_packed

TOLERANCE = 1e-4
"""Largest difference of a logit, relative to the largest logit where that is above 1 (float32, merged weights included)."""
SCRIPT = "predict.py"
GOLDEN = "golden.json"
"""Rows with what is said of them."""
LONGEST = 600
"""Seconds that one way may take."""
_PROGRAM = Path(__file__).with_name("fresh.py")


GoldenRow = tuple[str | list[str], str | None]
"""A text or a list of words, and the second text of a pair, options as a JSON list, or the places of the words that the row is about."""


def as_row(row: GoldenRow, facts: Facts) -> Any:
    """A row as `Predictor.predict` takes it."""
    return row[0] if row[1] is None else (row[0], json.loads(row[1])) if facts.chooses else row


@dataclass(frozen=True)
class Golden:
    """Rows and the logits that the trained network gave them."""

    rows: list[GoldenRow]
    logits: list[NDArray[np.float64]]
    """(C,) for each row; (tokens, C) of the marked tokens of its first piece where tokens are read; (options,) where it has options."""
    answers: list[tuple[Any, float]] = field(default_factory=list)
    """What the trained network answers and how sure it is; needed only by tasks whose answers do not follow from the logits alone."""


@dataclass(frozen=True)
class Proof:
    """What the fresh processes showed."""

    passed: list[str]
    largest: float
    """Largest difference of a logit (of a probability for the script)."""
    rows: int
    failed: dict[str, str] = field(default_factory=dict)
    """Ways that could not load the folder, with the last line they said."""

    @property
    def sentence(self) -> str:
        """For manifest, card and report."""
        ways = self.passed[0] if len(self.passed) == 1 else f"{', '.join(self.passed[:-1])} and {self.passed[-1]}"
        return f"reloaded in fresh processes through {ways}: same predictions on {self.rows} rows, largest difference {self.largest:.0e}"


def read_golden(path: Path) -> Golden:
    """The golden rows that a trial left (`golden.json`); empty texts, which libraries treat differently, are left out.

    Raises:
        ArtifactError: E-RUN where the file is missing or damaged.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        kept = [place for place, (first, second) in enumerate(raw["inputs"]) if first or second] or [0]
        rows = [(raw["inputs"][place][0], raw["inputs"][place][1]) for place in kept]
        answers = [(raw["answers"][place][0], raw["answers"][place][1]) for place in kept] if "answers" in raw else []
        return Golden(rows, [np.array(raw["logits"][place], dtype=np.float64) for place in kept], answers)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        message = f"{path}: the rows that the artifact is proven with cannot be read. Delete the folder {path.parent.name} and run again."
        raise ArtifactError(message, "E-RUN") from error


def prove(folder: Path, facts: Facts, golden: Golden, *, ways: Sequence[str]) -> Proof:
    """Run every way at the same time, each in a process of its own, and compare.

    Raises:
        ArtifactError: E-ARTIFACT when a prediction differs.
    """
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        running = {way: _start(way, folder, facts, golden, work) for way in ways}
        largest, passed, failed = 0.0, [], {}
        for way, process in running.items():
            out, error = process.communicate(timeout=LONGEST)
            if process.returncode:
                failed[way] = (error.strip().splitlines() or ["no message"])[-1][:300]
                continue
            off = _compare_script(out, facts, golden) if way == SCRIPT else difference(_written(work / f"{way}.json"), golden)
            if off > allowed(golden, rounded=_rounds(folder, way)):
                message = f"{folder}: loaded through {way}, it predicts otherwise than the trained model (difference {off:.2g})."
                raise ArtifactError(f"{message} Please report this with the method and the base model.", "E-ARTIFACT")
            passed.append(way)
            largest = max(largest, off)
    return Proof(passed, largest, len(golden.rows), failed)


def _start(way: str, folder: Path, facts: Facts, golden: Golden, work: Path) -> subprocess.Popen[str]:
    rows = work / "rows.json"
    rows.write_text(json.dumps(golden.rows), encoding="utf-8")
    command = [str(_PROGRAM), way, str(folder), str(rows), str(work / f"{way}.json")]
    if way == SCRIPT:
        lines = work / "rows.jsonl"
        lines.write_text("\n".join(json.dumps(_named(row, facts)) for row in golden.rows), encoding="utf-8")
        command = [str(folder / SCRIPT), "--file", str(lines)]
    quiet = {"CUDA_VISIBLE_DEVICES": "", "TOKENIZERS_PARALLELISM": "false", "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}
    safe = [] if way == SCRIPT else ["-P"]  # the script's own folder may hold its adapter's code
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *safe, *command], stdout=pipe, stderr=pipe, text=True, encoding="utf-8", env=os.environ | quiet
    )


def _named(row: GoldenRow, facts: Facts) -> dict[str, Any]:
    return {facts.text: row[0]} | ({facts.text_pair: _cell(row[1], facts)} if facts.text_pair else {})


def _cell(second: str | None, facts: Facts) -> str | None:
    return focus.as_cell(focus.read(second or "[]")) if facts.focused else second


def _written(path: Path) -> list[NDArray[np.float64]]:
    return [np.array(logits) for logits in json.loads(path.read_text(encoding="utf-8"))]


def difference(found: Iterable[NDArray[np.floating]], golden: Golden) -> float:
    """The largest of a logit between what was found for the golden rows and what is expected; infinite for other shapes and for NaN."""
    return max(_largest(row, expected) for row, expected in zip(found, golden.logits, strict=True))


def _compare_script(out: str, facts: Facts, golden: Golden) -> float:
    """The script says answer and score; another answer counts by how much less likely it is, so that ties do not matter."""
    task: Task = catalogue.load("tasks", facts.task)
    rows = list(csv.DictReader(io.StringIO(out)))
    label, score = list(rows[0])[-2:]
    largest = 0.0
    if not task.from_logits:
        said = zip(rows, golden.answers, strict=True)
        return max(abs(float(row[score]) - likely) if task.alike(row[label], answer) else 1.0 for row, (answer, likely) in said)
    for row, logits, (_, second) in zip(rows, golden.logits, golden.rows, strict=True):
        names = json.loads(second or "") if facts.chooses else facts.labels
        answer = json.loads(row[label]) if row[label].startswith("[") and row[label] not in names else row[label]
        if facts.words and len(answer) > len(logits):
            continue  # the golden logits of a row of several pieces are those of the first one
        _, expected = task.answer(logits.astype(np.float32), names)
        largest = max(largest, task.distance(logits, answer, names), abs(float(row[score]) - expected))
    return largest


def _largest(found: NDArray[np.floating], expected: NDArray[np.float64]) -> float:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max(initial=0.0))


def holds_packed(folder: Path) -> bool:
    """Whether a folder holds a model whose weights are packed, or an adapter on such a base."""
    file = folder / "config.json"
    return (folder / PACKING).is_file() or (file.is_file() and is_packed(json.loads(file.read_text(encoding="utf-8"))))


def _rounds(folder: Path, way: str) -> bool:
    """Whether packed weights are repacked on the way; beside an adapter leantune and the script keep them as they were trained on."""
    return holds_packed(folder) and (way == "peft" or not (folder / PACKING).is_file())


def allowed(golden: Golden, *, rounded: bool = False) -> float:
    """The largest difference of a logit that rounding explains.

    Args:
        golden: what is expected.
        rounded: whether packed weights are packed anew on the way.
    """
    return (ROUNDING if rounded else TOLERANCE) * max(1.0, *(float(np.abs(logits).max(initial=0.0)) for logits in golden.logits))
