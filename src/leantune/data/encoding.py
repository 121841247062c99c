"""Encoding: rows become token numbers once per study, flat on disk, shared by every trial.

    <folder>/<key>.ids.npy       all tokens one after another, int32
    <folder>/<key>.marks.npy     int32, beside each token; for rows of words the number of the word that begins there, else -1;
                                 where answers are spans of the second text, first and last character (behind it), else -1 -1
    <folder>/<key>.rows.npy      (pieces + 1, 3) int64: where a piece starts, how many of its tokens belong to the first text, its row

A text is one piece, cut at the token limit. A row of words, and a second text in which spans are sought, gets as many overlapping pieces
as it needs, so that nothing is lost.
The arrays are memory-mapped, so memory does not grow with the data.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from leantune.core.errors import SpecError
from leantune.data.examples import ExampleChunk

CHUNK = 2_000
"""Rows tokenised at a time."""
OVERLAP = 4
"""Pieces of one row share a quarter of their tokens, so that every word has some context on both sides in one of them."""


class Tokenizer(Protocol):
    """The part of a `transformers` tokenizer that is needed here."""

    def __call__(self, text: Any, text_pair: Any = None, **options: Any) -> Any:
        """Encode texts, or pairs of texts."""
        ...


@dataclass(frozen=True)
class Padded:
    """Pieces padded on the right to the longest one."""

    ids: NDArray[np.int64]
    """(B, T)."""
    mask: NDArray[np.int64]
    """(B, T), 1 where a token stands."""
    types: NDArray[np.int64]
    """(B, T), 1 in the second text."""
    rows: NDArray[np.int64]
    """(B,) the row that a piece belongs to."""
    words: NDArray[np.int64] | None
    """(B, T) number of the word that begins at a token, -1 elsewhere; None where rows are texts."""
    offsets: NDArray[np.int64] | None = None
    """(B, T, 2) first character of a token of the second text and the one behind it, -1 elsewhere; None where no spans are sought."""

    @property
    def marks(self) -> NDArray[np.int64] | None:
        """What a task needs to find its way back to the row: words or offsets."""
        return self.words if self.offsets is None else self.offsets

    @property
    def marked(self) -> NDArray[np.bool_] | None:
        """(B, T) tokens whose logits are read: those that begin a word, those of the second text; None where a piece is read as a whole."""
        if self.offsets is not None:
            return self.offsets[..., 0] >= 0
        return None if self.words is None else self.words >= 0


@dataclass(frozen=True)
class Encoded:
    """Token numbers of many rows, flat."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    """(pieces + 1,): piece p is `ids[starts[p]:starts[p + 1]]`."""
    first: NDArray[np.int64]
    """(pieces,): tokens of the first text, special tokens included."""
    rows: NDArray[np.int64]
    """(pieces,): the row that each piece belongs to, rising; where rows are texts, piece r is row r."""
    words: NDArray[np.int32] | None = None
    """Beside each token the number of the word that begins there, -1 elsewhere; None where rows are texts."""
    offsets: NDArray[np.int32] | None = None
    """(tokens, 2) beside each token of the second text its first character and the one behind it; None where no spans are sought."""

    def __len__(self) -> int:
        return len(self.first)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens per piece."""
        return np.diff(self.starts)

    def padded(self, pieces: Sequence[int] | NDArray[np.int64], pad: int) -> Padded:
        """The pieces as rectangles filled up with the token `pad`."""
        longest = max(int(self.starts[piece + 1] - self.starts[piece]) for piece in pieces)
        ids = np.full((len(pieces), longest), pad, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        words = None if self.words is None else np.full_like(ids, -1)
        offsets = None if self.offsets is None else np.full((*ids.shape, 2), -1, dtype=np.int64)
        for place, piece in enumerate(pieces):
            start, end = self.starts[piece], self.starts[piece + 1]
            ids[place, : end - start] = self.ids[start:end]
            mask[place, : end - start] = 1
            types[place, self.first[piece] : end - start] = 1
            if words is not None and self.words is not None:
                words[place, : end - start] = self.words[start:end]
            if offsets is not None and self.offsets is not None:
                offsets[place, : end - start] = self.offsets[start:end]
        return Padded(ids, mask, types, np.asarray(self.rows[pieces]), words, offsets)


@dataclass(frozen=True)
class _Part:
    """Some encoded rows."""

    ids: NDArray[np.int32]
    table: NDArray[np.int64]
    """(pieces, 3): tokens, tokens of the first text, row from the start of the part."""
    rows: int
    marks: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """One number for each token, or two; empty where rows are texts."""


def encode_rows(tokenizer: Tokenizer, chunk: ExampleChunk, max_length: int, *, spans: bool = False) -> Encoded:
    """Encode rows in memory; texts over `max_length` tokens are cut, in pairs the longer text first.

    Args:
        tokenizer: of the base.
        chunk: the rows.
        max_length: tokens of a piece at most.
        spans: whether answers are sought in the second text, which is then never cut.
    """
    parts = list(_parts(tokenizer, [chunk], max_length, spans=spans))
    ids, marks = (np.concatenate([np.zeros(0, dtype=np.int32), *(getattr(part, name) for part in parts)]) for name in ("ids", "marks"))
    return _encoded(ids, _bounds(parts), marks, spans=spans)


def encode_to_disk(tokenizer: Tokenizer, chunks: Iterable[ExampleChunk], max_length: int, path: Path, *, spans: bool = False) -> Encoded:
    """Encode chunks of rows into files that start with `path`, or reuse the files that are there.

    The caller puts into the name everything that the result depends on: data, tokenizer, `max_length`; the rest is as in `encode_rows`.
    """
    ids_path, marks_path, rows_path = (path.with_name(f"{path.name}.{kind}.npy") for kind in ("ids", "marks", "rows"))
    if not rows_path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = []
        raws = [path.with_name(f"{path.name}.{kind}.{os.getpid()}.part") for kind in ("ids", "marks")]
        with raws[0].open("wb") as ids, raws[1].open("wb") as marks:
            for part in _parts(tokenizer, chunks, max_length, spans=spans):
                part.ids.tofile(ids)
                part.marks.tofile(marks)
                parts.append(_Part(np.zeros(0, np.int32), part.table, part.rows))
        rows_part = path.with_name(f"{path.name}.{os.getpid()}.part.npy")
        np.save(rows_part, _bounds(parts))
        os.replace(raws[0], ids_path)
        os.replace(raws[1], marks_path)
        os.replace(rows_part, rows_path)  # last: its presence says that all files are whole
    bounds = np.load(rows_path, mmap_mode="r")
    return _encoded(_mapped(ids_path), bounds, _mapped(marks_path), spans=spans)


def _mapped(path: Path) -> NDArray[np.int32]:
    return np.memmap(path, dtype=np.int32, mode="r") if path.stat().st_size else np.zeros(0, dtype=np.int32)


def _encoded(ids: NDArray[np.int32], bounds: NDArray[np.int64], marks: NDArray[np.int32], *, spans: bool) -> Encoded:
    words = marks if len(marks) and not spans else None
    return Encoded(ids, bounds[:, 0], bounds[:-1, 1], bounds[:-1, 2], words, marks.reshape(-1, 2) if spans else None)


def _parts(tokenizer: Tokenizer, chunks: Iterable[ExampleChunk], max_length: int, *, spans: bool) -> Iterator[_Part]:
    for chunk in chunks:
        for start in range(0, len(chunk), CHUNK):
            span = slice(start, start + CHUNK)
            if chunk.words is not None:
                yield _words_part(tokenizer, chunk.words[span], max_length)
            elif spans:
                yield _spans_part(tokenizer, chunk.texts[span], (chunk.pairs or [])[span], max_length)
            else:
                yield _texts_part(tokenizer, chunk.texts[span], None if chunk.pairs is None else chunk.pairs[span], max_length)


def _texts_part(tokenizer: Tokenizer, texts: list[str], pairs: list[str] | None, max_length: int) -> _Part:
    """One piece per row."""
    coded = tokenizer(texts, pairs, truncation=True, max_length=max_length, return_token_type_ids=True, return_attention_mask=False)
    # Decoders put nothing around a text: an empty one would have no token at all, and no state to read.
    filled = [ids or [_filler(tokenizer)] for ids in coded["input_ids"]]
    lengths = [len(ids) for ids in filled]
    seconds = [_second(coded, row) for row in range(len(texts))] if pairs is not None else [0] * len(texts)
    table = np.array([lengths, np.subtract(lengths, seconds), np.arange(len(texts))], dtype=np.int64).T
    return _Part(_flat(filled), table, len(texts))


def _words_part(tokenizer: Tokenizer, rows: list[list[str]], max_length: int) -> _Part:
    """As many pieces per row as it needs; which word begins where is read from the characters, so any tokenizer will do."""
    coded = _pieces(tokenizer, [" ".join(words) for words in rows], None, max_length, max_length // OVERLAP)
    owners = list(coded["overflow_to_sample_mapping"])
    letters, firsts = [_letters(words) for words in rows], [dict[int, int]() for _ in rows]
    ids, words = [], []
    for row, tokens, offsets in zip(owners, coded["input_ids"], coded["offset_mapping"], strict=True):
        ids.append(tokens or [_filler(tokenizer)])
        words.append(_begun(offsets, letters[row], firsts[row]) or [-1])
    lengths = [len(tokens) for tokens in ids]
    return _Part(_flat(ids), np.array([lengths, lengths, owners], dtype=np.int64).T, len(rows), _flat(words))


def _spans_part(tokenizer: Tokenizer, texts: list[str], pairs: list[str], max_length: int) -> _Part:
    """As many pieces of the second text as it needs, each behind the whole first text."""
    found: list[list[tuple[list[int], list[int], int]]] = [[] for _ in texts]
    overlaps = _overlaps(tokenizer, texts, max_length)
    for overlap in sorted(set(overlaps)):  # by the row's own first text, so that its pieces do not depend on other rows
        rows = [row for row, own in enumerate(overlaps) if own == overlap]
        coded = _pieces(tokenizer, [texts[row] for row in rows], [pairs[row] for row in rows], max_length, overlap)
        for piece, (owner, ids) in enumerate(zip(coded["overflow_to_sample_mapping"], coded["input_ids"], strict=True)):
            second = [part == 1 for part in coded.sequence_ids(piece)] or [False]
            offsets = coded["offset_mapping"][piece] or [(-1, -1)]
            marks = [number for inside, pair in zip(second, offsets, strict=True) for number in (pair if inside else (-1, -1))]
            first = second.index(True) if True in second else len(second)
            found[rows[owner]].append((ids or [_filler(tokenizer)], marks, first))
    pieces = [piece for own in found for piece in own]
    owners = [row for row, own in enumerate(found) for _ in own]
    table = [(len(ids), first, row) for (ids, _, first), row in zip(pieces, owners, strict=True)]
    flat, marked = _flat([ids for ids, _, _ in pieces]), _flat([marks for _, marks, _ in pieces])
    return _Part(flat, np.array(table, dtype=np.int64), len(texts), marked)


def _overlaps(tokenizer: Tokenizer, firsts: list[str], max_length: int) -> list[int]:
    """Tokens that the pieces of each row share: a part of the room that its first text leaves.

    Raises:
        SpecError: E-MODEL without a fast tokenizer, E-RANGE when a first text leaves no room for the second.
    """
    _require_fast(tokenizer)
    lengths = [len(ids) for ids in tokenizer(firsts, return_attention_mask=False)["input_ids"]]
    rooms = [max_length - length - 2 for length in lengths]  # two: separators around the second text
    if min(rooms) < max_length // OVERLAP:
        message = f"The longest first text has {max(lengths)} tokens, which leaves too little of {max_length} for the second."
        raise SpecError(f"{message} Raise --max-length or shorten the first texts.", "E-RANGE")
    return [room // OVERLAP for room in rooms]


def _pieces(tokenizer: Tokenizer, texts: list[str], pairs: list[str] | None, max_length: int, overlap: int) -> Any:
    """Overlapping pieces with the characters that each token stands for; of pairs only the second text is taken apart.

    Raises:
        SpecError: E-MODEL without a fast tokenizer.
    """
    _require_fast(tokenizer)
    return tokenizer(
        texts,
        pairs,
        truncation=True if pairs is None else "only_second",
        max_length=max_length,
        stride=overlap,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
        return_attention_mask=False,
    )


def _require_fast(tokenizer: Tokenizer) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise SpecError("The base model has no fast tokenizer, which tells where words begin. Choose another base.", "E-MODEL")


def _letters(words: list[str]) -> list[int]:
    """For each character of the joined words the word that it belongs to, -1 for the spaces between."""
    return [-1 if place == len(word) else number for number, word in enumerate(words) for place in range(len(word) + 1)]


def _begun(offsets: list[tuple[int, int]], letters: list[int], firsts: dict[int, int]) -> list[int]:
    """For each token of a piece the word that begins in it, else -1; the first of the tokens that stand for a part of the word.

    Some tokenizers count the space before a word to its first token, some take the first letters away. `firsts` remembers where the first
    token of each word of the row begins, so that a later piece that starts inside a word does not mark it again.
    """
    found, seen = [], set[int]()
    for start, end in offsets:
        word = next((word for word in letters[start:end] if word >= 0), -1)
        begins = word >= 0 and word not in seen and firsts.setdefault(word, start) == start
        found.append(word if begins else -1)
        seen.add(word)
    return found


def _flat(lists: list[list[int]]) -> NDArray[np.int32]:
    return np.fromiter((number for numbers in lists for number in numbers), dtype=np.int32, count=sum(map(len, lists)))


def _filler(tokenizer: Tokenizer) -> int:
    return int(getattr(tokenizer, "pad_token_id", None) or 0)


def _second(coded: Any, row: int) -> int:
    """Tokens of the second text, the special tokens behind it included; 0 where the tokenizer has no token types."""
    return sum(coded["token_type_ids"][row]) if "token_type_ids" in coded else 0


def _bounds(parts: list[_Part]) -> NDArray[np.int64]:
    """(pieces + 1, 3): starts, tokens of the first text, rows (the last line holds the end)."""
    before = np.cumsum([0, *(part.rows for part in parts)])
    tables = [np.add(part.table, (0, 0, offset)) for part, offset in zip(parts, before, strict=False)]
    pieces = np.concatenate([np.zeros((0, 3), dtype=np.int64), *tables])
    starts = np.concatenate([[0], np.cumsum(pieces[:, 0])])
    return np.column_stack([starts, np.append(pieces[:, 1], 0), np.append(pieces[:, 2], before[-1])])
