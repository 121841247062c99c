"""A program of its own: load an artifact in one way, in this fresh process, and write what it gives for some rows.

    python fresh.py WAY FOLDER ROWS.json OUT.json        WAY: leantune, peft, transformers, sentence-transformers

Each way imports only what it is about, so that the plain libraries are proven to need nothing of leantune.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Rows = list[tuple[str, str | None]]


def through_leantune(folder: Path, rows: Rows) -> Any:
    """`leantune.artifact.predictor.load`."""
    from leantune.artifact.predictor import load

    return load(folder, device="cpu").logits([row if row[1] is not None else row[0] for row in rows])  # type: ignore[misc]


def through_peft(folder: Path, rows: Rows) -> Any:
    """`AutoPeftModelForSequenceClassification` on the base that the adapter names."""
    from peft import AutoPeftModelForSequenceClassification

    labels = json.loads((folder / "leantune.json").read_text(encoding="utf-8"))["facts"]["labels"]
    return _logits(AutoPeftModelForSequenceClassification.from_pretrained(str(folder), num_labels=len(labels)), folder, rows)


def through_transformers(folder: Path, rows: Rows) -> Any:
    """`AutoModelForSequenceClassification` on a whole model."""
    from transformers import AutoModelForSequenceClassification

    return _logits(AutoModelForSequenceClassification.from_pretrained(folder), folder, rows)


def through_sentence_transformers(folder: Path, rows: Rows) -> Any:
    """`SentenceTransformer(folder).encode(texts)`."""
    from sentence_transformers import SentenceTransformer

    texts: list[Any] = [first if second is None else (first, second) for first, second in rows]
    return SentenceTransformer(str(folder), device="cpu").encode(texts, show_progress_bar=False)


def _logits(model: Any, folder: Path, rows: Rows) -> Any:
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model.config.pad_token_id = tokenizer.pad_token_id
    pairs = None if rows[0][1] is None else [second for _, second in rows]
    inputs = tokenizer([first for first, _ in rows], pairs, truncation=True, padding=True, return_tensors="pt")
    with torch.inference_mode():
        return model.eval()(**inputs).logits


WAYS: dict[str, Callable[[Path, Rows], Any]] = {
    "leantune": through_leantune,
    "peft": through_peft,
    "transformers": through_transformers,
    "sentence-transformers": through_sentence_transformers,
}


def main(arguments: list[str]) -> None:
    """Run one way."""
    way, folder, rows, out = arguments
    found = WAYS[way](Path(folder), [tuple(row) for row in json.loads(Path(rows).read_text(encoding="utf-8"))])
    Path(out).write_text(json.dumps([[float(value) for value in row] for row in found]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
