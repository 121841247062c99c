"""The standalone script's own parts: finding the base and predicting. Copied into `predict.py` as they stand."""

from __future__ import annotations

import hashlib
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer
from transformers.utils import logging

from leantune.artifact.script.frame import arguments, rows_of, write_rows

FOLDER = Path(__file__).resolve().parent
SETTINGS: dict[str, Any] = {}


def answer(logits: Any, labels: list[str]) -> tuple[Any, float]:
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
            found[row] = answer(one.numpy(), SETTINGS["labels"])
    return found


def main() -> None:
    """Read texts or a file, write the rows with label and score as CSV."""
    reader = arguments(__doc__)
    reader.add_argument("--base", help="folder or hub name of the base model, if it moved")
    given = reader.parse_args()
    warnings.simplefilter("ignore", FutureWarning)  # what libraries say to each other
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    rows, texts, pairs = rows_of(reader, given)
    SETTINGS["bases"] = [given.base] if given.base else SETTINGS.get("bases", [])
    write_rows(rows, predict(load_model(given.base), texts, pairs))
