"""What every script begins and ends with: its arguments, reading rows, writing them with label and score."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

SETTINGS: dict[str, Any] = {}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a CSV file with a header, or of a JSON Lines file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix in (".jsonl", ".ndjson"):
            return [json.loads(line) for line in file if line.strip()]
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def column(rows: list[dict[str, Any]], name: str) -> list[str]:
    """One column as texts."""
    if rows and name not in rows[0]:
        sys.exit(f'error: there is no column "{name}". Columns: {", ".join(rows[0])}. Choose with --text and --text-pair.')
    found = ["" if row.get(name) is None else row[name] for row in rows]
    return [cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False) for cell in found]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What the command line takes."""
    reader = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("texts", nargs="*", help="texts; two per row where the model reads pairs")
    reader.add_argument("--file", type=Path, help="CSV, TSV or JSON Lines file")
    reader.add_argument("--text", default=SETTINGS["text"], help="column of the text")
    reader.add_argument("--text-pair", default=SETTINGS["text_pair"], help="column of the second text, for models of pairs")
    return reader


def rows_of(reader: argparse.ArgumentParser, given: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str], list[str] | None]:
    """The rows, their texts, and the second texts of pairs."""
    rows: list[dict[str, Any]] = read_rows(given.file) if given.file else []
    names = [given.text, given.text_pair] if SETTINGS["text_pair"] else [given.text]
    width = len(names)
    if len(given.texts) % width:
        reader.error("the model reads pairs: give two texts per row")
    rows += [dict(zip(names, given.texts[at : at + width], strict=True)) for at in range(0, len(given.texts), width)]
    if not rows:
        reader.error("give texts or --file")
    columns = [column(rows, name) for name in names]
    return rows, columns[0], columns[1] if width == 2 else None


def write_rows(rows: list[dict[str, Any]], answers: list[tuple[Any, float]]) -> None:
    """Rows with label and score as CSV."""
    label, score = (f"predicted_{name}" if name in rows[0] else name for name in ("label", "score"))
    writer = csv.DictWriter(sys.stdout, [*rows[0], label, score], extrasaction="ignore")
    writer.writeheader()
    for row, (said, likely) in zip(rows, answers, strict=True):
        cell = json.dumps(said, ensure_ascii=False) if isinstance(said, list) else said
        writer.writerow({**row, label: cell, score: f"{likely:.6f}"})
