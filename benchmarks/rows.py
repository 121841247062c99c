"""JSON lines files; no library beside, so that a peer's process holds nothing of ours."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_rows(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Write the columns that are used."""
    kept = [{key: row[key] for key in columns if key in row} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")


def first_rows(source: Path, target: Path, most: int) -> int:
    """Write the first rows of a file of texts with labels; how many they are."""
    rows = read_rows(source)[:most]
    write_rows(target, rows, ("text", "text_pair", "label"))
    return len(rows)


def drawn(rows: list[Row], most: int) -> list[Row]:
    """So many rows at random, always the same ones."""
    return random.Random(0).sample(rows, most) if len(rows) > most else rows
