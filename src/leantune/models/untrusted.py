"""Files that somebody else may have written: read strictly, and refused before anything is made of them.

    config = read_object(folder / "adapter_config.json")
    refuse_adapter(file, config, sizes)               regular expressions, numbers that no tensor has, unknown fields
    refuse_tokenizer(folder)                          regular expressions that can run for ever, code
    refuse_swollen(folder, skeleton)                  a model much larger than its file of weights
    with reading(folder): ...                         whatever a library stumbles over is one clear error

The hashes of the manifest find damage; these rules also hold for a manifest that was written by the one who made the damage.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedTokenizerBase

from leantune.core.errors import ArtifactError, LeantuneError, nearest, some

LARGEST_JSON = 1 << 26
"""Bytes of a configuration or a tokenizer, 64 MiB; the largest vocabularies need half of that."""
_PLAIN = re.compile(r"[\w.]{1,300}")
"""What module paths are made of."""
_SIZES_FREE = 1024
"""Numbers up to this are not looked at: what they can ask for fits into memory."""
_NO_SIZE = re.compile("alpha|seed|key|step|tinit|tfinal|deltaT|indices|transform|orth")
"""Fields whose numbers say nothing of sizes."""
_SWOLLEN = 3
"""Parameters of a skeleton for each number in the file; packed files hold two weights in one."""
_CODE = "auto_map"
_UNBOUNDED = re.compile(r"\{\d*,\}")
_LONGEST = 10_000
"""Letters of a regular expression."""
STUDENT = "leantune_edge"
"""What `models.edge` calls a body without attention; that file needs transformers."""
_ATTENTION = ("num_hidden_layers", "num_attention_heads")
_POSITIVE = re.compile("attention_heads|hidden_size|intermediate_size|vocab_size|hidden_layers|^n_(head|embd|layer)$")
"""Sizes that a model cannot be without."""
_MOST_LAYERS = 128
"""That are believed whatever the number of tensors."""


def read_object(file: Path) -> dict[str, Any]:
    """The object in a JSON file, read as strictly as rows are.

    Raises:
        ArtifactError: E-ARTIFACT for anything else.
    """
    try:
        if file.stat().st_size > LARGEST_JSON:
            raise ValueError(f"it is larger than {LARGEST_JSON >> 20} MiB")
        found = json.loads(file.read_bytes(), object_pairs_hook=_once, parse_constant=_never)
    except (OSError, ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise ArtifactError(f"{file}: cannot be read: {reason}. Copy the whole folder again.", "E-ARTIFACT") from error
    if not isinstance(found, dict):
        raise ArtifactError(f"{file}: holds no object. Copy the whole folder again.", "E-ARTIFACT")
    if _CODE in found:
        raise ArtifactError(f'{file}: "{_CODE}" names code to be run, which leantune never does. Delete that line.', "E-ARTIFACT")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _never(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def shapes_in(file: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors in a safetensors file, from its header alone.

    Raises:
        ArtifactError: E-ARTIFACT for what is no such file.
    """
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > LARGEST_JSON:
                raise ValueError("its header is too long")
            header = json.loads(opened.read(length), object_pairs_hook=_once, parse_constant=_never)
        return {name: tuple(map(int, one["shape"])) for name, one in header.items() if name != "__metadata__"}
    except (OSError, ValueError, RecursionError, struct.error, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{file}: no readable safetensors file: {error}. Copy the whole folder again.", "E-ARTIFACT") from error


def refuse_adapter(file: Path, config: Mapping[str, Any], known: set[str], weights: Path) -> None:
    """Refuse a configuration of an adapter that asks for more than its tensors hold, or holds what may hang a reader.

    Args:
        file: where it stands.
        config: what it says.
        known: names of fields that its tuner has here.
        weights: the tensors.

    Raises:
        ArtifactError: E-ARTIFACT with the field.
    """
    if unknown := [name for name in config if name not in known]:
        close = nearest(unknown[0], known)
        hint = f' Closest: "{close}".' if close else ""
        raise ArtifactError(f'{file}: peft knows no "{unknown[0]}" here.{hint} Update peft, or copy the file again.', "E-ARTIFACT")
    for name, value in config.items():
        words = list(value) if isinstance(value, dict | list) else [value] if isinstance(value, str) else []
        if name.endswith("pattern") and not all(isinstance(word, str) and _PLAIN.fullmatch(word) for word in words):
            raise ArtifactError(f'{file}: "{name}" holds a regular expression. Write plain module paths.', "E-ARTIFACT")
    if config.get("layer_replication"):
        raise ArtifactError(f'{file}: "layer_replication" makes another base of the base. leantune does not write it.', "E-ARTIFACT")
    sizes = [size for shape in shapes_in(weights).values() for size in (*shape, prod(shape))]
    most = max([_SIZES_FREE, *sizes])
    for name, value in config.items():
        numbers = [number for number in (value.values() if isinstance(value, dict) else [value]) if type(number) is int]
        if not _NO_SIZE.search(name) and any(number > most for number in numbers):
            raise ArtifactError(f'{file}: "{name}" is {max(numbers):,}, and no tensor has that size. Copy the file again.', "E-ARTIFACT")


def refuse_unfit(place: str | Path, missing: Iterable[str], unexpected: Iterable[str]) -> None:
    """Raise one error with the tensors that are missing, and with those that nobody knows."""
    both = ((sorted(missing), "missing"), (sorted(unexpected), "unknown"))
    told = [f"{len(names):,} {what} ({some(names, 3)})" for names, what in both if names]
    if told:
        raise ArtifactError(f"{place}: tensors do not fit the model: {' and '.join(told)}. Copy the whole folder again.", "E-ARTIFACT")


def refuse_tokenizer(folder: Path) -> None:
    """Refuse a tokenizer that brings code, or a regular expression that can take for ever on a long word.

    Raises:
        ArtifactError: E-ARTIFACT with the expression.
    """
    if (file := folder / "tokenizer_config.json").is_file():
        read_object(file)
    if not (file := folder / "tokenizer.json").is_file():
        return
    for pattern in _expressions(read_object(file)):
        if len(pattern) > _LONGEST or nested_repeats(pattern):
            raise ArtifactError(
                f"{file}: the regular expression {pattern[:80]!r} is too long, or repeats a group that repeats, which can take for ever.",
                "E-ARTIFACT",
            )


def _expressions(found: Any) -> Iterator[str]:
    """Regular expressions anywhere in a tokenizer but in its vocabulary."""
    waiting = [value for name, value in found.items() if name != "model"]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("Regex"), str):
                yield one["Regex"]
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def nested_repeats(pattern: str) -> bool:
    """Whether a group that repeats without end holds something that does, as in (a+)+.

    >>> [nested_repeats(pattern) for pattern in ("(a+)+", "((b|c*)d)*", "(?:a+b)?| ?[^(+]+", "(a)+b+", "(c+x){2,}")]
    [True, True, False, False, True]
    """
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", pattern)
    holds, closed = [False], False
    for at, sign in enumerate(bare):
        if sign == "(":
            holds.append(False)
        elif sign == ")" and len(holds) > 1:
            closed = holds.pop()
            holds[-1] = holds[-1] or closed
        elif sign in "+*" or _UNBOUNDED.match(bare, at):
            if bare[at - 1 : at] == ")" and closed:
                return True
            holds[-1] = holds[-1] or bare[at - 1 : at] != "("
    return False


def refuse_deep(folder: Path) -> None:
    """Refuse a configuration with more layers than its files have tensors, which would take long to build, or without a part."""
    files = sorted(folder.glob("*.safetensors"))
    tensors = max(_MOST_LAYERS, sum(len(shapes_in(file)) for file in files))
    waiting = [read_object(folder / "config.json")] if (folder / "config.json").is_file() else []
    while waiting:
        found = waiting.pop()
        for name, value in found.items():
            if isinstance(value, dict):
                waiting.append(value)
            elif value == 0 and name in _ATTENTION and found.get("model_type") == STUDENT:
                continue  # it has none
            elif type(value) is int and value < 1 and _POSITIVE.search(name):
                raise ArtifactError(f'{folder}: config.json says "{name}": {value}, and it needs at least 1. Copy it again.', "E-ARTIFACT")
            elif "layer" in name and type(value) is int and value > tensors:
                raise ArtifactError(
                    f'{folder}: config.json says "{name}": {value:,}, and its files hold fewer tensors. Copy it again.', "E-ARTIFACT"
                )


def refuse_swollen(folder: Path, skeleton: nn.Module, weights: list[Path]) -> None:
    """Refuse a model whose configuration describes far more parameters than its files hold; nothing has been allocated yet."""
    held = sum(prod(shape) for file in weights for shape in shapes_in(file).values())
    described = sum(parameter.numel() for parameter in skeleton.parameters())
    if described > _SWOLLEN * held:
        what = f"config.json describes {described:,} parameters, and the files hold {held:,}"
        raise ArtifactError(f"{folder}: {what}. Copy the whole folder again.", "E-ARTIFACT")


def refuse_strange_tokens(folder: Path, tokenizer: PreTrainedTokenizerBase, own: PreTrainedTokenizerBase, body: nn.Module) -> None:
    """Refuse a tokenizer with tokens that neither the embeddings have nor the base's own tokenizer.

    Raises:
        ArtifactError: E-ARTIFACT with the largest token.
    """
    table = getattr(body, "get_input_embeddings", lambda: None)()
    rows = getattr(getattr(table, "weight", None), "shape", (0,))[0]
    largest, allowed = max(tokenizer.get_vocab().values(), default=0), max(rows, len(own) if own is not tokenizer else 0)
    if rows and largest >= allowed:
        raise ArtifactError(f"{folder}: its tokenizer has a token {largest:,}, and the model has {rows:,}. Copy it again.", "E-ARTIFACT")


_PANIC = "PanicException"
"""What a library that is written in Rust raises for what should never be; no `Exception`."""


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Let every fault that a library finds in untrusted files be one clear error.

    Raises:
        ArtifactError: E-ARTIFACT with what the library says.
    """
    try:
        yield
    except LeantuneError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
            raise
        said = (str(error).strip().splitlines() or [""])[0][:200]
        raise ArtifactError(
            f"{folder}: cannot be made into a model ({type(error).__name__}: {said}). Copy it again.", "E-ARTIFACT"
        ) from error
