"""Word vectors from a text file, as GloVe and word2vec write them: a word and its numbers in each line, between blanks.

400000 100                  word2vec begins with the number of words and that of numbers; GloVe does not
the 0.41 0.25 -0.41 ...
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from leantune.core.errors import SpecError

_AT_ONCE = 10_000
"""Words that are looked up together."""


def word_vectors(file: Path, width: int, tokenizer: PreTrainedTokenizerBase) -> dict[int, NDArray[np.float32]]:
    """Vectors of the tokens that are a whole word of the file; the first line of a word counts.

    Raises:
        SpecError: E-FILE when it cannot be read, E-FORMAT for a line of another width or without numbers, E-RANGE when the vectors
            have not the wanted width, E-MODEL when no token is a word of it.
    """
    found: dict[int, NDArray[np.float32]] = {}
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            rows = _rows(lines, file, width)
            while several := list(islice(rows, _AT_ONCE)):
                for token, (number, _, text) in zip(_tokens([word for _, word, _ in several], tokenizer), several, strict=True):
                    if token is not None and token not in found:
                        found[token] = _numbers(text, file, number)
    except OSError as error:
        raise SpecError(f"student: vectors={file} cannot be read: {error.strerror}. Give a text file of word vectors.", "E-FILE") from error
    if not found:
        raise SpecError(f"student: {file} has none of the words that are one token of the base. Choose vectors of its language.", "E-MODEL")
    return found


def _rows(lines: TextIO, file: Path, width: int) -> Iterator[tuple[int, str, str]]:
    """Number, word and the rest of each line."""
    first = next(lines, "")
    header = first.split()
    headed = len(header) == 2 and all(part.isdigit() for part in header)
    own = int(header[1]) if headed else len(header) - 1
    if own != width:
        hint = f"Say width={own}" if own >= 2 and own % 2 == 0 else "Choose another file"
        raise SpecError(f"{file} line 1: its vectors have {max(own, 0)} numbers, and the student has width={width}. {hint}.", "E-RANGE")
    for number, line in enumerate(lines if headed else chain([first], lines), start=2 if headed else 1):
        parts = line.rstrip().rsplit(" ", width)
        if len(parts) != width + 1:
            raise SpecError(f"{file} line {number}: {len(parts) - 1} numbers where there should be {width}. Repair the file.", "E-FORMAT")
        yield number, parts[0].strip(), " ".join(parts[1:])


def _numbers(text: str, file: Path, line: int) -> NDArray[np.float32]:
    try:
        found = np.array(text.split(" "), dtype=np.float32)
    except ValueError:
        found = np.array([np.nan], dtype=np.float32)
    if not np.isfinite(found).all():
        raise SpecError(f"{file} line {line}: something else than numbers stands behind the word. Repair the file.", "E-FORMAT")
    return found


def _tokens(words: list[str], tokenizer: PreTrainedTokenizerBase) -> list[int | None]:
    """The token that each word is as a whole, as it stands in a text; None for words of several."""
    coded = tokenizer([f" {word}" for word in words], add_special_tokens=False, return_attention_mask=False)["input_ids"]
    return [ids[0] if len(ids) == 1 and ids[0] != tokenizer.unk_token_id else None for ids in coded]
