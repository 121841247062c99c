"""The sentence-transformers layout: an encoder, its pooling and a linear head, so that `SentenceTransformer(folder)` gives logits.

    modules.json   sentence_bert_config.json   config_sentence_transformers.json   1_Pooling/config.json   2_Dense/ (the head)

Written in the form that version 5 and 6 read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leantune.models.delta import HEAD

_POOLING = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "last": "pooling_mode_lasttoken"}
FILES = ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json")


def write_layout(folder: Path, *, pooling: str, width: int, max_length: int, unit: bool) -> None:
    """Add the files that make the folder a sentence-transformers model.

    Args:
        folder: holds encoder or adapter, tokenizer and head already.
        pooling: mean, cls or last.
        width: of the token states.
        max_length: tokens per row at most.
        unit: whether the head reads states of length 1.
    """
    between = [("normalize", "Normalize")] if unit else []
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), *between, (HEAD, "Dense")]
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate(kinds)
    ]
    pool = {"word_embedding_dimension": width} | {key: kind == pooling for kind, key in _POOLING.items()}
    own: dict[str, Any] = {"__version__": {}, "prompts": {}, "default_prompt_name": None, "similarity_fn_name": None}
    contents: tuple[Any, ...] = (modules, {"max_seq_length": max_length, "do_lower_case": False}, own, pool)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    for name, content in zip(FILES, contents, strict=True):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def remove_layout(folder: Path) -> None:
    """Take the files away again: the head and the adapter stay."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    (folder / "1_Pooling").rmdir()
