"""`init`: a new base from a random start, with a tokenizer learned from the user's texts, in a folder that `--model` takes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from leantune.core.errors import SpecError
from leantune.data.corpus import read_corpus
from leantune.models.new_base import Shape, save_new_base
from leantune.models.vocabulary import LEAST, train_tokenizer


@dataclass(frozen=True)
class NewBase:
    """A new base on disk."""

    folder: Path
    parameters: int
    tokens: int
    """Size of the vocabulary."""
    inferences: list[str]
    """One line for each thing that was worked out."""


def make_base(folder: Path, sources: Sequence[Any], shape: Shape, *, vocab: int, columns: Sequence[str] = ()) -> NewBase:
    """Learn a tokenizer from texts, draw a model and write both.

    Args:
        folder: of the new base; it must be free.
        sources: paths or anything else that rows are read from.
        shape: what the model is like.
        vocab: tokens of the vocabulary.
        columns: that hold the texts; all with texts of several words when none is named.

    Raises:
        SpecError: E-FILE for a folder that is in use, E-RANGE for numbers that do not go together.
        DataError: whatever is wrong with the files.
    """
    shape.check()
    if vocab < LEAST:
        raise SpecError(f"--vocab {vocab:,} is too small: each byte and five special tokens need {LEAST} tokens.", "E-RANGE")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SpecError(f'"{folder}" is in use. Choose another folder, or delete it.', "E-FILE")
    with TemporaryDirectory(prefix="leantune-init-") as temporary:
        corpus = read_corpus(sources, Path(temporary), columns)
        tokenizer = train_tokenizer(corpus, shape.kind, vocab, shape.max_length)
    if len(tokenizer) < vocab:
        raise SpecError(
            f"--vocab {vocab:,} is too large: the texts give {len(tokenizer):,} tokens that occur more than once. "
            f"Choose --vocab {len(tokenizer)} or fewer, or give more texts.",
            "E-RANGE",
        )
    hidden = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(hidden, ignore_errors=True)
    try:
        hidden.mkdir(parents=True)
        parameters = save_new_base(hidden, shape, tokenizer)
        hidden.replace(folder)
    except OSError as error:
        raise SpecError(f"{folder}: cannot be written ({error.strerror}).", "E-FILE") from None
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return NewBase(folder, parameters, len(tokenizer), list(map(str, corpus.inferences)))
