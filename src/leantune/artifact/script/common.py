"""The standalone script's own parts: finding the base, reading rows, predicting, writing. Copied into `predict.py` as they stand."""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer
from transformers.utils import logging

FOLDER = Path(__file__).resolve().parent
SETTINGS: dict[str, Any] = {}


def answer(logits: torch.Tensor, labels: list[str]) -> tuple[Any, float]:
    """Stands for what the task makes of the logits of a row."""
    raise NotImplementedError


def load_model(base: str | None) -> Any:
    """Stands for the part that is chosen by layout."""
    raise NotImplementedError


def forward(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Stands for the part that is chosen by layout."""
    raise NotImplementedError


def find_base(given: str | None) -> str:
    """The base model's folder or hub name; other weights than those of the training are refused."""
    for place in [given] if given else SETTINGS["bases"]:
        folder = Path(place)
        if folder.is_dir():
            files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
            digest = "-".join(hashlib.file_digest(file.open("rb"), "sha256").hexdigest()[:16] for file in files)
            if SETTINGS["weights"] in (None, digest):
                return place
            print(f"{place} holds other weights than the base model of the training.", file=sys.stderr)  # noqa: T201
        elif place.count("/") < 2 and not place.startswith(("/", ".", "~")):
            return place
    sys.exit(f"error: the base model is not there: {', '.join([given] if given else SETTINGS['bases'])}. Say where with --base.")


def scorer() -> Any:
    """How surprising each token of a text is; nothing where no word is left out by that."""
    return None


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


@torch.inference_mode()
def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """Answer and score of each row, in batches of like length."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    tokenizer.padding_side = "right"
    if not pairs and not tokenizer("")["input_ids"]:
        texts = [text or tokenizer.pad_token for text in texts]  # an empty text would have no token at all
    size = [len(text) + len(pairs[row] if pairs else "") for row, text in enumerate(texts)]
    order = sorted(range(len(texts)), key=size.__getitem__)
    found: list[tuple[Any, float]] = [("", 0.0)] * len(texts)
    for start in range(0, len(order), 32):
        rows = order[start : start + 32]
        second = [pairs[row] for row in rows] if pairs else None
        options = {"truncation": True, "max_length": SETTINGS["max_length"], "padding": True, "return_tensors": "pt"}
        logits = forward(model, dict(tokenizer([texts[row] for row in rows], second, **options))).float()
        for row, one in zip(rows, logits, strict=True):
            found[row] = answer(one, SETTINGS["labels"])
    return found


def main() -> None:
    """Read texts or a file, write the rows with label and score as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", help="texts; two per row where the model reads pairs")
    parser.add_argument("--file", type=Path, help="CSV, TSV or JSON Lines file")
    parser.add_argument("--text", default=SETTINGS["text"], help="column of the text")
    parser.add_argument("--text-pair", default=SETTINGS["text_pair"], help="column of the second text, for models of pairs")
    parser.add_argument("--base", help="folder or hub name of the base model, if it moved")
    given = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)  # what libraries say to each other
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    rows: list[dict[str, Any]] = read_rows(given.file) if given.file else []
    names = [given.text, given.text_pair] if SETTINGS["text_pair"] else [given.text]
    width = len(names)
    if len(given.texts) % width:
        parser.error("the model reads pairs: give two texts per row")
    rows += [dict(zip(names, given.texts[at : at + width], strict=True)) for at in range(0, len(given.texts), width)]
    if not rows:
        parser.error("give texts or --file")
    columns = [column(rows, name) for name in names]
    SETTINGS["bases"] = [given.base] if given.base else SETTINGS.get("bases", [])
    answers = predict(load_model(given.base), columns[0], columns[1] if width == 2 else None)
    label, score = (f"predicted_{name}" if name in rows[0] else name for name in ("label", "score"))
    writer = csv.DictWriter(sys.stdout, [*rows[0], label, score], extrasaction="ignore")
    writer.writeheader()
    for row, (said, likely) in zip(rows, answers, strict=True):
        cell = json.dumps(said, ensure_ascii=False) if isinstance(said, list) else said
        writer.writerow({**row, label: cell, score: f"{likely:.6f}"})
