"""A program of its own: load an artifact in one way, in this fresh process, and write what it gives for some rows.

    python fresh.py WAY FOLDER ROWS.json OUT.json        WAY: leantune, peft, transformers, sentence-transformers

Each way imports only what it is about, so that the plain libraries are proven to need nothing of leantune.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Rows = list[tuple[Any, str | None]]
"""A text or a list of words, and the second text of a pair; options as a JSON list."""
DTYPE = "float32"
"""What was trained and measured; a base that is stored in half precision would be loaded in that, and round otherwise."""


def through_leantune(folder: Path, rows: Rows) -> Any:
    """`leantune.artifact.ensemble.opened`."""
    from leantune.artifact.ensemble import opened
    from leantune.artifact.parity import as_row

    model = opened(folder, device="cpu")
    return model.logits([as_row(row, model.manifest.facts) for row in rows])


def through_peft(folder: Path, rows: Rows) -> Any:
    """`AutoPeftModelFor...` on the base that the adapter names; `PeftModel` where there is none."""
    import peft

    facts = _facts(folder)
    if facts["pieces"] == "hidden":  # peft has no class for masked models
        import transformers

        named = peft.PeftConfig.from_pretrained(str(folder)).base_model_name_or_path
        base = transformers.AutoModelForMaskedLM.from_pretrained(named, dtype=DTYPE, **_packing(folder))
        return _logits(peft.PeftModel.from_pretrained(base, str(folder)), folder, rows, facts)
    auto = getattr(peft, f"AutoPeftModelFor{_kind(facts)}")
    labels = {"num_labels": facts["outputs"]} if facts["outputs"] and not facts["asked"] else {}
    model = auto.from_pretrained(str(folder), dtype=DTYPE, **labels, **_packing(folder))
    # peft's class for questions drops the token types; the card says so.
    return _logits(model.base_model if facts["pieces"] == "spans" else model, folder, rows, facts)


def _packing(folder: Path) -> dict[str, Any]:
    """How the base is to be packed, where it stood in 4 bits while the adapter was trained."""
    file = folder / "quantization_config.json"
    if not file.is_file():
        return {}
    import transformers

    return {"quantization_config": transformers.BitsAndBytesConfig(**json.loads(file.read_text(encoding="utf-8")))}


def through_transformers(folder: Path, rows: Rows) -> Any:
    """`AutoModelFor...` on a whole model."""
    import transformers

    facts = _facts(folder)
    return _logits(getattr(transformers, f"AutoModelFor{_kind(facts)}").from_pretrained(folder), folder, rows, facts)


def _facts(folder: Path) -> Any:
    manifest = json.loads((folder / "leantune.json").read_text(encoding="utf-8"))
    return manifest["facts"] | {"max_length": manifest["max_length"]}


_KINDS = {
    **dict.fromkeys(("words", "focus"), "TokenClassification"),
    "spans": "QuestionAnswering",
    **dict.fromkeys(("continued", "chat", "passage"), "CausalLM"),
    **dict.fromkeys(("transduced", "corrupted"), "Seq2SeqLM"),
    "hidden": "MaskedLM",
}
_ASKED = {"masked": "MaskedLM", "next": "CausalLM", "apart": "Seq2SeqLM"}


def _kind(facts: Any) -> str:
    return _ASKED[facts["asked"]] if facts["asked"] else _KINDS.get(facts["pieces"], "SequenceClassification")


def through_sentence_transformers(folder: Path, rows: Rows) -> Any:
    """`SentenceTransformer(folder).encode(texts)`."""
    from sentence_transformers import SentenceTransformer

    texts: list[Any] = [first if second is None else (first, second) for first, second in rows]
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": DTYPE})
    return model.encode(texts, show_progress_bar=False)


def _logits(model: Any, folder: Path, rows: Rows, facts: Any) -> Any:
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model.config.pad_token_id = tokenizer.pad_token_id
    if facts["asked"]:
        return _asked(model, folder, rows)
    if _kind(facts) in ("CausalLM", "Seq2SeqLM", "MaskedLM"):
        return [_first_sought(model, tokenizer, first, facts) for first, _ in rows]
    words, paired, spans = isinstance(rows[0][0], list), rows[0][1] is not None, facts["pieces"] == "spans"
    texts = [" ".join(first) if words else first for first, _ in rows]
    pairs = [second for _, second in rows] if paired else None
    if words and paired:
        texts, pairs = map(list, zip(*(_around(first, json.loads(second or "")) for first, second in rows), strict=True))
    cut = "only_second" if spans or (words and paired) else True
    inputs = tokenizer(texts, pairs, truncation=cut, padding=True, return_tensors="pt", return_offsets_mapping=words)
    offsets = inputs.pop("offset_mapping").tolist() if words else []
    with torch.inference_mode():
        found = model.eval()(**inputs)
    if spans:
        both = torch.stack([found.start_logits, found.end_logits], dim=-1)
        return [both[row][[part == 1 for part in inputs.sequence_ids(row)]] for row in range(len(rows))]
    if not words:
        return found.logits
    read = []
    for row, (first, second) in enumerate(rows):
        last = [part == (1 if paired else 0) for part in inputs.sequence_ids(row)]
        own = [pair if inside else [0, 0] for pair, inside in zip(offsets[row], last, strict=True)]
        tokens = _begun(own, first, json.loads(second) if second else [])
        read.append([found.logits[row][token].tolist() for token in tokens])
    return read


def _asked(model: Any, folder: Path, rows: Rows) -> Any:
    """Logits of the labels behind a prompt; only the model is plain here, prompt and words are leantune's."""
    from leantune.artifact.parity import as_row
    from leantune.artifact.predictor import load

    worded = load(folder, device="cpu")
    worded.network.body = model.eval()
    return worded.logits([as_row(row, worded.manifest.facts) for row in rows])


def _first_sought(model: Any, tokenizer: Any, text: str, facts: Any) -> Any:
    """Some of the logits of the first token that is sought, (1, n); only the model is plain here, the piece is made by leantune."""
    import torch

    from leantune.data.encoding import encode_rows
    from leantune.data.examples import ExampleChunk
    from leantune.data.pieces._pieces import Room

    room = Room(facts["max_length"], facts["target_length"])
    padded = encode_rows(tokenizer, ExampleChunk([text]), room, facts["pieces"]).padded([0], 0)
    assert padded.marks is not None
    config = getattr(model, "get_base_model", lambda: model)().config
    written = {"decoder_input_ids": torch.tensor([[config.decoder_start_token_id]])} if padded.apart else {}
    with torch.inference_mode():
        logits = model.eval()(input_ids=torch.from_numpy(padded.ids), **written).logits[0]
    # Virtual tokens stand before those of the piece.
    place = 0 if padded.apart else int((padded.marks[0] >= 0).argmax()) + logits.shape[0] - padded.ids.shape[1]
    return logits[[place], :: max(1, logits.shape[-1] // 512)]


def _around(words: list[str], places: list[int]) -> tuple[str, str]:
    """The words that a row is about, and the row with a sign around each run of them."""
    marked = ["@ " * _starts(at, places) + word + " @" * _ends(at, places) for at, word in enumerate(words)]
    return " ".join(words[place] for place in places), " ".join(marked)


def _starts(at: int, places: list[int]) -> bool:
    return at in places and at - 1 not in places


def _ends(at: int, places: list[int]) -> bool:
    return at in places and at + 1 not in places


def _begun(offsets: list[list[int]], words: list[str], places: list[int]) -> list[int]:
    """The first token that stands for a part of each word; signs stand around the words at `places`."""
    found, begin = [], 0
    for at, word in enumerate(words):
        begin += 2 * _starts(at, places)
        found += [token for token, (start, end) in enumerate(offsets) if max(start, begin) < min(end, begin + len(word))][:1]
        begin += len(word) + 1 + 2 * _ends(at, places)
    return found


WAYS: dict[str, Callable[[Path, Rows], Any]] = {
    "leantune": through_leantune,
    "peft": through_peft,
    "transformers": through_transformers,
    "sentence-transformers": through_sentence_transformers,
}


def _of_options(way: Callable[[Path, Rows], Any], folder: Path, rows: Rows) -> list[list[float]]:
    """The scores of each row's options, each of which is read as a pair with the text."""
    given = [json.loads(second or "") for _, second in rows]
    pairs: Rows = [(text, option) for (text, _), options in zip(rows, given, strict=True) for option in options]
    scores = iter(way(folder, pairs))
    return [[float(next(scores)[0]) for _ in options] for options in given]


def main(arguments: list[str]) -> None:
    """Run one way."""
    gc.set_threshold(200_000)  # seldom: libraries make little garbage while they load, and to look for it takes one second of ten
    way, folder, rows, out = arguments
    read: Rows = [tuple(row) for row in json.loads(Path(rows).read_text(encoding="utf-8"))]
    chooses = json.loads((Path(folder) / "leantune.json").read_text(encoding="utf-8"))["facts"]["pieces"] == "options"
    found = _of_options(WAYS[way], Path(folder), read) if chooses and way != "leantune" else WAYS[way](Path(folder), read)
    Path(out).write_text(json.dumps([row if isinstance(row, list) else row.tolist() for row in found]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
