"""Fewer tokens: a tokenizer with a part of its vocabulary, numbered anew, that any text can still be written in.

    kept = chosen(tokenizer, counts, keep=None)     what occurs, what is special, single characters and bytes, and what leads to them
    fewer(tokenizer, kept)                          token kept[n] has the number n; plain `transformers` and `tokenizers` read it

    WordPiece    the longest piece that is there, so a word whose pieces are all kept is read as before
    BPE          a merge stays where both sides and its result are kept; with a token all that it is merged from is kept
    Unigram      pieces with their scores; the best way through a text stays the best one where its pieces are kept

References: Abdaoui et al. 2020, arXiv:2010.05609 (fewer tokens of multilingual models); Yang et al. 2022, arXiv:2203.15996.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from leantune.core.errors import SpecError
from leantune.models.base import read_tokenizer

KINDS = ("WordPiece", "BPE", "Unigram")
_FILE = "tokenizer.json"
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")


def unprunable(tokenizer: Any) -> str | None:
    """Why tokens cannot be taken out, in one line; None when they can."""
    if not tokenizer.is_fast:
        return "its tokenizer is none of the library tokenizers, so its parts are not known"
    kind = _said(tokenizer)["model"]["type"]
    return None if kind in KINDS else f"its tokenizer is a {kind}, and tokens are taken out of {', '.join(KINDS[:-1])} or {KINDS[-1]}"


def chosen(tokenizer: Any, counts: NDArray[np.int64], keep: float | None, more: Iterable[int] = ()) -> NDArray[np.int64]:
    """Numbers of the tokens that stay, rising.

    Args:
        tokenizer: as it is.
        counts: how often each token occurs.
        keep: share of the vocabulary, the most frequent ones; None for all that occur.
        more: that stay anyhow.
    """
    said = _said(tokenizer)
    numbers: dict[str, int] = tokenizer.get_vocab()
    sources = _sources(said["model"], numbers)
    kept = set[int]()
    there = set(numbers.values())
    for number in {*more, *tokenizer.all_special_ids, *_basic(said, numbers)} & there:
        kept |= _with_sources(number, sources, kept)
    room = len(numbers) if keep is None else round(keep * len(numbers))
    for number in np.argsort(-counts, kind="stable").tolist():
        if keep is None and not counts[number]:
            break
        added = _with_sources(number, sources, kept) if number in there else set[int]()
        if len(kept) + len(added) <= room:
            kept |= added
    return np.array(sorted(kept), dtype=np.int64)


def fewer(tokenizer: Any, kept: NDArray[np.int64]) -> PreTrainedTokenizerBase:
    """The same tokenizer with these tokens, numbered by their places.

    Raises:
        SpecError: E-METHOD where the library reads other numbers than were written.
    """
    new = {int(old): place for place, old in enumerate(kept)}
    names = {number: token for token, number in tokenizer.get_vocab().items()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tokenizer.save_pretrained(folder)
        said = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        said["model"] = _model(said["model"], new)
        said["added_tokens"] = [token | {"id": new[token["id"]]} for token in said["added_tokens"]]
        said["post_processor"] = _renumbered(said["post_processor"], new)
        (folder / _FILE).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
        found = read_tokenizer(folder)
    wrong = [names[old] for old, place in new.items() if found.convert_tokens_to_ids(names[old]) != place]
    if wrong or len(found) != len(kept):
        raise SpecError(f"The tokenizer cannot be numbered anew: {wrong[:3] or len(found)} of it would be read as others.", "E-METHOD")
    for name in ("padding_side", "truncation_side", "model_max_length", "chat_template"):
        setattr(found, name, getattr(tokenizer, name))
    return found


def _said(tokenizer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    return found


def _basic(said: Mapping[str, Any], numbers: Mapping[str, int]) -> set[int]:
    """Tokens that were added, bytes, and single characters where a word begins, goes on or ends."""
    model = said["model"]
    before, behind = (re.escape(model.get(name) or "") for name in ("continuing_subword_prefix", "end_of_word_suffix"))
    single = re.compile(rf"({before})?(▁|Ġ)?.({behind})?", re.DOTALL)
    found = {number for token, number in numbers.items() if single.fullmatch(token) or _BYTE.fullmatch(token)}
    found |= {token["id"] for token in said["added_tokens"]}
    return found | {numbers[token] for token in [model.get("unk_token")] if token in numbers}


def _merges(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [tuple(pair.split(" ", 1)) if isinstance(pair, str) else tuple(pair) for pair in model.get("merges", [])]  # type: ignore[misc]


def _result(left: str, right: str, model: Mapping[str, Any]) -> str:
    return left + right.removeprefix(model.get("continuing_subword_prefix") or "")


def _sources(model: Mapping[str, Any], numbers: Mapping[str, int]) -> dict[int, set[int]]:
    """Of each token that merges make the tokens that they merge."""
    found: dict[int, set[int]] = {}
    for left, right in _merges(model):
        result = numbers.get(_result(left, right, model))
        if result is not None and left in numbers and right in numbers:
            found.setdefault(result, set()).update((numbers[left], numbers[right]))
    return found


def _with_sources(number: int, sources: Mapping[int, set[int]], there: set[int]) -> set[int]:
    """A token and all that it is merged from, without those that are there."""
    found, open_ones = set[int](), [number]
    while open_ones:
        one = open_ones.pop()
        if one not in there and one not in found:
            found.add(one)
            open_ones += sources.get(one, ())
    return found


def _model(model: dict[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    """The vocabulary and the merges that are left."""
    if model["type"] == "Unigram":
        vocabulary = [entry for number, entry in enumerate(model["vocab"]) if number in new]
        return model | {"vocab": vocabulary, "unk_id": None if model["unk_id"] is None else new[model["unk_id"]]}
    left = {token: new[number] for token, number in model["vocab"].items() if number in new}
    if model["type"] != "BPE":
        return model | {"vocab": left}
    merges = [list(pair) for pair in _merges(model) if pair[0] in left and pair[1] in left and _result(*pair, model) in left]
    return model | {"vocab": left, "merges": merges}


def _renumbered(part: Any, new: Mapping[int, int]) -> Any:
    """A post-processor whose special tokens have their new numbers."""
    if isinstance(part, list):
        return [_renumbered(one, new) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _renumbered(value, new) for name, value in part.items()}
    if isinstance(part.get("ids"), list):  # of a template
        found["ids"] = [new[number] for number in part["ids"]]
    for name in ("sep", "cls"):  # of BERT and RoBERTa
        if isinstance(part.get(name), list):
            found[name] = [part[name][0], new[part[name][1]]]
    return found
