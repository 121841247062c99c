"""The script's parts for an ONNX graph: `onnxruntime`, `tokenizers` and numpy are all that they need."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

from leantune.artifact.script.choose import options_of
from leantune.artifact.script.frame import arguments, rows_of, write_rows
from leantune.artifact.script.tagged import begun, split_words

FOLDER = Path(__file__).resolve().parent
SETTINGS: dict[str, Any] = {}


def answer(logits: NDArray[np.float32], labels: list[str]) -> tuple[Any, float]:
    """Stands for what the task makes of the logits of a row."""
    raise NotImplementedError


def predict(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """Stands for the part that is chosen by the kind of rows."""
    raise NotImplementedError


def load_graph() -> Any:
    """The graph and the tokenizer, which cuts as in the training."""
    tokenizer, stride = Tokenizer.from_file(str(FOLDER / "tokenizer.json")), SETTINGS["stride"]
    tokenizer.enable_truncation(SETTINGS["max_length"], stride=stride, direction=SETTINGS["cuts"])
    tokenizer.no_padding()
    return InferenceSession(str(FOLDER / SETTINGS["model"]), providers=["CPUExecutionProvider"]), tokenizer


def run(session: Any, pieces: list[Any]) -> NDArray[np.float32]:
    """Logits (pieces, outputs), or (pieces, tokens, outputs), of encoded pieces."""
    width = max(len(piece.ids) for piece in pieces)
    fills = {"input_ids": ("ids", SETTINGS["pad"]), "attention_mask": ("attention_mask", 0), "token_type_ids": ("type_ids", 0)}
    given = {}
    for value in session.get_inputs():
        own, fill = fills[value.name]
        rows = [[*getattr(piece, own), *[fill] * (width - len(piece.ids))] for piece in pieces]
        given[value.name] = np.array(rows, dtype=np.int64)
    logits: NDArray[np.float32] = session.run(["logits"], given)[0]
    return logits


def encoded(tokenizer: Any, text: str, pair: str | None = None) -> Any:
    """A row as tokens; one without any gets the padding token, because nothing cannot be read."""
    found = tokenizer.encode(text) if pair is None else tokenizer.encode(text, pair)
    return found if found.ids else tokenizer.encode(tokenizer.id_to_token(SETTINGS["pad"]))


def logits_of(model: Any, texts: list[str], pairs: list[str] | None) -> list[NDArray[np.float32]]:
    """Logits of each row, in batches of like length."""
    session, tokenizer = model
    pieces = [encoded(tokenizer, text, pairs[row] if pairs else None) for row, text in enumerate(texts)]
    order, found = sorted(range(len(pieces)), key=lambda row: len(pieces[row].ids)), dict[int, NDArray[np.float32]]()
    for start in range(0, len(order), SETTINGS["rows"]):
        rows = order[start : start + SETTINGS["rows"]]
        found |= dict(zip(rows, run(session, [pieces[row] for row in rows]), strict=True))
    return [found[row] for row in range(len(pieces))]


def predict_rows(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """Answer and score of each row."""
    return [answer(row, SETTINGS["labels"]) for row in logits_of(model, texts, pairs)]


def predict_options(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """The likeliest option and its score of each row."""
    given = [options_of(cell) for cell in pairs or []]
    read = [(text, option) for text, options in zip(texts, given, strict=True) for option in options]
    scores = iter(logits_of(model, [text for text, _ in read], [option for _, option in read]))
    return [answer(np.array([next(scores)[0] for _ in options]), options) for options in given]


def predict_tags(model: Any, texts: list[str], pairs: list[str] | None) -> list[tuple[Any, float]]:
    """Tags and score of each row; long rows are read in overlapping pieces, each word where it has more context."""
    del pairs
    session, tokenizer = model
    labels, found = SETTINGS["labels"], []
    for words in map(split_words, texts):
        coded = encoded(tokenizer, " ".join(words))
        pieces = [coded, *coded.overflowing]
        letters = [-1 if place == len(word) else number for number, word in enumerate(words) for place in range(len(word) + 1)]
        chosen = np.full((len(words), len(labels)), -30.0, np.float32)
        chosen[:, labels.index("O") if "O" in labels else 0] = 30.0  # a word without a token of its own
        context = [-1] * len(words)
        for piece, places in zip(pieces, begun([piece.offsets for piece in pieces], letters), strict=True):
            logits = run(session, [piece])[0]
            for word, token in places:
                around = min(token, len(piece.ids) - 1 - token)
                if around > context[word]:
                    context[word], chosen[word] = around, logits[token]
        found.append(answer(chosen, labels))
    return found


def check(model: Any) -> str:
    """Whether the rows of `golden.json` are still answered as they were."""
    file = FOLDER / "golden.json"
    if not file.is_file():
        sys.exit(f"error: {file.name} is not there, so there is nothing to compare with.")
    golden = json.loads(file.read_text(encoding="utf-8"))
    texts = [first if isinstance(first, str) else json.dumps(first) for first, _ in golden["rows"]]
    answers = predict(model, texts, [second for _, second in golden["rows"]] if SETTINGS["text_pair"] else None)
    both = list(zip(answers, golden["answers"], strict=True))
    off = [row for row, ((said, likely), (label, score)) in enumerate(both, 1) if said != label or abs(likely - score) > 1e-3]
    if off:
        sys.exit(f"error: {len(off)} of {len(both)} rows of golden.json are answered otherwise, the first is row {off[0]}.")
    return f"{len(both)} rows are answered as they were when the model was saved"


def run_graph() -> None:
    """Read texts or a file, write the rows with label and score as CSV."""
    reader = arguments(__doc__)
    reader.add_argument("--check", action="store_true", help="answer the rows of golden.json and compare")
    given = reader.parse_args()
    model = load_graph()
    if given.check:
        print(check(model))  # noqa: T201
    else:
        rows, texts, pairs = rows_of(reader, given)
        write_rows(rows, predict(model, texts, pairs))
