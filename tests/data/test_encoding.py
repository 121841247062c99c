"""Rows of words become pieces: every word is found again at its first token, whatever the tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leantune.core.errors import SpecError
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows, encode_to_disk
from leantune.data.examples import ExampleChunk
from leantune.data.pieces._pieces import too_long
from leantune.data.pieces.spans import MEMBER as SPANS
from leantune.models.base import load_tokenizer

FAMILIES = ["bert", "roberta", "gpt2", "deberta-v2"]
LONGEST = 128

ROWS: dict[str, list[str]] = {
    "known words": ["the", "movie", "was", "great"],
    "words of several tokens": ["unbelievable", "the", "Reykjavik", "x"],
    "one word": ["never"],
    "punctuation inside words": ["U.S.", "don't", "co-op", "3.5%", "--", "a", "(", "x-ray)", "."],
    "letters with accents": ["Zürich", "café", "naïve"],
    "a space inside": ["New York", "is", " big", "too "],
    "an empty word": ["good", "", "card", "", ""],
    "an empty word in front": ["", "good", "card"],
    "only an empty word": [""],
    "what tokenizers take away": ["\u200bgood", "the\u200b", "\xa0money"],
}


@pytest.fixture(scope="session")
def tokenizer(tiny: Callable[[str], Path]) -> Callable[[str], Any]:
    return cache(lambda family: load_tokenizer(str(tiny(family))))


def chunk(*rows: list[str]) -> ExampleChunk:
    return ExampleChunk([" ".join(words) for words in rows], words=list(rows))


def first_tokens(tokenizer: Any, words: list[str]) -> dict[int, int]:
    """The token in which the first character of each word lies that any token stands for, asked of the tokenizer."""
    coded, found, begin = tokenizer(" ".join(words)), {}, 0
    for number, word in enumerate(words):
        tokens = [coded.char_to_token(0, begin + place) for place in range(len(word))]
        if any(token is not None for token in tokens):
            found[number] = next(token for token in tokens if token is not None)
        begin += len(word) + 1
    return found


def marked(encoded: Encoded, piece: int) -> dict[int, int]:
    """Place of each word in a piece."""
    assert encoded.marks is not None
    words = encoded.marks[encoded.starts[piece] : encoded.starts[piece + 1]].tolist()
    assert len(set(words) - {-1}) == sum(word >= 0 for word in words), "a word begins once"
    return {word: place for place, word in enumerate(words) if word >= 0}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("family", FAMILIES)
def test_each_word_is_marked_at_its_first_token(tokenizer: Callable[[str], Any], family: str, name: str) -> None:
    words = ROWS[name]
    encoded = encode_rows(tokenizer(family), chunk(words), LONGEST, "words")
    expected = first_tokens(tokenizer(family), words)
    assert len(encoded) == 1
    assert marked(encoded, 0) == expected
    assert set(expected) == {number for number, word in enumerate(words) if word}


def long_rows() -> list[list[str]]:
    random = np.random.default_rng(0)
    known = np.array(["the", "movie", "U.S.", "unbelievable", "Reykjavik", "don't", "a", "", "great"])
    return [random.choice(known, size).tolist() for size in (60, 1, 90, 35, 2)]


@pytest.mark.parametrize("length", [16, 24, 64])
@pytest.mark.parametrize("family", FAMILIES)
def test_long_rows_lose_no_word(tokenizer: Callable[[str], Any], family: str, length: int) -> None:
    rows = long_rows()
    encoded = encode_rows(tokenizer(family), chunk(*rows), length, "words")
    assert encoded.rows.tolist() == sorted(encoded.rows.tolist())
    assert set(encoded.rows.tolist()) == set(range(len(rows)))
    assert encoded.lengths.max() <= length
    for row, words in enumerate(rows):
        pieces = np.flatnonzero(encoded.rows == row)
        whole, expected = tokenizer(family)(" ".join(words))["input_ids"], first_tokens(tokenizer(family), words)
        found = [marked(encoded, piece) for piece in pieces]
        assert {word for places in found for word in places} == set(expected) == {word for word, text in enumerate(words) if text}
        for piece, places in zip(pieces, found, strict=True):
            tokens = encoded.ids[encoded.starts[piece] : encoded.starts[piece + 1]]
            assert {word: tokens[place] for word, place in places.items()} == {word: whole[expected[word]] for word in places}
            assert list(places) == sorted(places)
            steps = {expected[word] - place for word, place in places.items()}
            assert len(steps) <= 1, "a piece is a part of the row as it stands, and a word that began before it is not marked again"
    assert len(encoded) > len(rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_of_a_row_share_words(tokenizer: Callable[[str], Any], family: str) -> None:
    encoded = encode_rows(tokenizer(family), chunk(["the", "movie", "was", "great"] * 20), 24, "words")
    found = [set(marked(encoded, piece)) for piece in range(len(encoded))]
    assert all(one & other for one, other in pairwise(found))


@pytest.mark.parametrize("family", FAMILIES)
def test_files_and_memory_agree(tokenizer: Callable[[str], Any], family: str, tmp_path: Path) -> None:
    rows = [*ROWS.values(), *long_rows()]
    chunks = [chunk(*rows[:3]), chunk(*rows[3:11]), chunk(*rows[11:])]
    memory = encode_rows(tokenizer(family), chunk(*rows), 24, "words")
    for disk in (encode_to_disk(tokenizer(family), part, 24, tmp_path / "train", "words") for part in (chunks, [])):
        assert disk.marks is not None
        assert memory.marks is not None
        for name in ("ids", "starts", "first", "rows", "marks"):
            assert np.array_equal(getattr(disk, name), getattr(memory, name)), name


def test_texts_have_one_piece_each_and_no_words(tokenizer: Callable[[str], Any], tmp_path: Path) -> None:
    texts = ExampleChunk(["the movie was great", "", "never " * 50])
    for encoded in (encode_rows(tokenizer("bert"), texts, 16), encode_to_disk(tokenizer("bert"), [texts], 16, tmp_path / "dev")):
        assert encoded.marks is None
        assert encoded.rows.tolist() == [0, 1, 2]
        assert encoded.lengths.tolist() == [6, 2, 16]
        assert encoded.padded([1, 0], 0).marks is None


def test_padding_begins_no_word_and_keeps_owners(tokenizer: Callable[[str], Any]) -> None:
    padded = encode_rows(tokenizer("bert"), chunk(["never"], ["the", "movie"] * 8), 12, "words").padded([2, 0], 0)
    assert padded.marks is not None
    assert padded.rows.tolist() == [1, 0]
    assert padded.marks[1].tolist() == [-1, 0] + [-1] * (padded.ids.shape[1] - 2)
    assert padded.mask[1].sum() == 3


def test_a_slow_tokenizer_is_refused() -> None:
    with pytest.raises(SpecError, match="no fast tokenizer"):
        encode_rows(lambda *_, **__: {}, chunk(["a"]), 16, "words")


CONTEXTS = {
    "known words": "the movie was great",
    "spelled words": "Reykjavik, the unbelievable U.S. (x-ray) 3.5%",
    "letters with accents": "Zürich was a café",
    "spaces and lines": "  the\tmovie \n was  great ",
    "what tokenizers take away": "the\u200bmovie \xa0was great",
    "letters of other alphabets": "北京 was good, так",
}


def span_pieces(tokenizer: Any, questions: list[str], contexts: list[str], length: int) -> Encoded:
    return encode_rows(tokenizer, ExampleChunk(questions, contexts), length, "spans")


def read(tokenizer: Any, ids: list[int]) -> str:
    """The letters of tokens, for comparison with the text that they stand for."""
    return read_text(tokenizer.decode(ids))


def read_text(text: str) -> str:
    return "".join(text.lower().split())


@pytest.mark.parametrize("name", CONTEXTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_offsets_are_the_characters_of_the_second_text(tokenizer: Callable[[str], Any], family: str, name: str) -> None:
    """Of every token of it and of no other; what is read there is what stands there."""
    question, context = "where was the movie", CONTEXTS[name]
    encoded = span_pieces(tokenizer(family), [question], [context], 128)
    assert len(encoded) == 1
    assert encoded.marks is not None
    padded = encoded.padded([0], 0)
    assert padded.marks is not None
    assert padded.marked is not None
    places = np.flatnonzero(padded.marked[0])
    assert padded.marked.sum() == len(tokenizer(family)(context, add_special_tokens=False)["input_ids"]) >= 3
    assert places.tolist() == list(range(places[0], places[-1] + 1))
    assert places[0] >= len(tokenizer(family)(question, add_special_tokens=False)["input_ids"])
    at = 0
    for place in places:
        start, end = padded.marks[0, place].tolist()
        assert 0 <= start < end <= len(context)
        assert context[at:start].strip(" \t\n\u200b\xa0") == "", "nothing but spaces is left out"
        at = max(at, end)
        token = int(padded.ids[0, place])
        if token != tokenizer(family).unk_token_id and (letters := context[start:end]).isascii():
            assert read(tokenizer(family), [token]).removeprefix("##") == read_text(letters)
    assert context[at:].strip() == ""


@pytest.mark.parametrize("length", [24, 40, 128])
@pytest.mark.parametrize("family", FAMILIES)
def test_long_second_texts_lose_no_character(tokenizer: Callable[[str], Any], family: str, length: int) -> None:
    random = np.random.default_rng(0)
    known = ["the", "movie", "Reykjavik", "great.", "U.S.", "x-ray,"]
    contexts = [" ".join(random.choice(known, size)) for size in (60, 1, 90, 2)]
    questions = ["where", "when was it", "the movie", "who"]
    encoded = span_pieces(tokenizer(family), questions, contexts, length)
    assert encoded.marks is not None
    assert set(encoded.rows.tolist()) == {0, 1, 2, 3}
    assert encoded.rows.tolist() == sorted(encoded.rows.tolist())
    assert encoded.lengths.max() <= length
    for row, context in enumerate(contexts):
        spans = []
        for piece in np.flatnonzero(encoded.rows == row):
            tokens = slice(encoded.starts[piece], encoded.starts[piece + 1])
            before = encoded.ids[tokens][: encoded.first[piece]].tolist()
            asked = tokenizer(family)(questions[row], add_special_tokens=False)["input_ids"]
            assert [token for token in before if token in asked] == asked, "the whole question stands before every piece"
            offsets = encoded.marks[tokens]
            inside = offsets[offsets[:, 0] >= 0]
            assert (offsets[: encoded.first[piece]] == -1).all()
            spans.append((inside[0, 0], inside[-1, 1]))
        covered = [False] * len(context)
        for start, end in spans:
            covered[start:end] = [True] * (end - start)
        assert all(done or letter == " " for done, letter in zip(covered, context, strict=True))
        assert all(two[0] < one[1] for one, two in pairwise(spans)), "pieces overlap"
    assert len(encoded) > 4


@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_do_not_depend_on_other_rows(tokenizer: Callable[[str], Any], family: str) -> None:
    """Not on how long the other questions are; a row must be answered alone as it is in a file."""
    questions, context = ["where", "where was the movie and the book and the day", "when was it"], "the movie was great and " * 12
    together = span_pieces(tokenizer(family), questions, [context] * 3, 48)
    for row, question in enumerate(questions):
        alone = span_pieces(tokenizer(family), [question], [context], 48)
        pieces = np.flatnonzero(together.rows == row)
        assert len(alone) == len(pieces) > 1
        for one, other in zip(range(len(alone)), pieces, strict=True):
            assert np.array_equal(alone.padded([one], 0).ids, together.padded([other], 0).ids)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_empty_second_text_is_one_piece(tokenizer: Callable[[str], Any], family: str) -> None:
    encoded = span_pieces(tokenizer(family), ["where", "", "", "where"], ["", "", "the movie", "  "], 24)
    assert encoded.rows.tolist() == [0, 1, 2, 3]
    assert (encoded.lengths > 0).all()
    marked = encoded.padded([0, 1, 2, 3], 0).marked
    assert marked is not None
    assert marked[:2].sum() == 0
    assert marked[2].sum() >= 2


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [16, 32])
def test_a_question_that_leaves_no_room_is_cut(tokenizer: Callable[[str], Any], family: str, length: int) -> None:
    """Its first words are read, and a quarter of the room or more is the text's, all of which is read; the other rows are as they were."""
    read, text = tokenizer(family), "the movie was great and the book never " * 4
    encoded = span_pieces(read, ["where", "the movie was never great " * 20], [text, text], length)
    alone = span_pieces(read, ["where"], [text], length)
    assert np.array_equal(encoded.ids[: len(alone.ids)], alone.ids)
    long = np.flatnonzero(encoded.rows == 1)
    assert encoded.lengths.max() <= length
    marks = [encoded.padded([piece], 0).marks[0] for piece in long]  # type: ignore[index]
    assert min((rows[:, 0] >= 0).sum() for rows in marks[:-1]) >= length // 4
    covered = {place for rows in marks for start, end in rows for place in range(start, end)}
    assert {place for place, letter in enumerate(text) if letter != " "} <= covered
    assert encoded.first[long].min() > length // 2


def test_which_questions_are_cut(tokenizer: Callable[[str], Any]) -> None:
    def count(texts: list[str]) -> list[int]:
        return [len(ids) for ids in tokenizer("bert")(texts)["input_ids"]]

    assert SPANS.most_first(32) == 22
    assert too_long(count, ["where", "the " * 20, "the " * 21, ""], 22) == [2]


def test_pieces_without_any_room_are_refused(tokenizer: Callable[[str], Any]) -> None:
    with pytest.raises(SpecError, match=r"Pieces of 8 tokens have no room for a question and a text. Raise --max-length"):
        span_pieces(tokenizer("bert"), ["where"], ["the movie"], 8)


def test_files_and_memory_agree_on_spans(tokenizer: Callable[[str], Any], tmp_path: Path) -> None:
    questions, contexts = ["where", "when was it", ""], ["the movie was great " * 20, "", "never"]
    memory = span_pieces(tokenizer("roberta"), questions, contexts, 24)
    chunks = [ExampleChunk(questions[:1], contexts[:1]), ExampleChunk(questions[1:], contexts[1:])]
    for disk in (encode_to_disk(tokenizer("roberta"), part, 24, tmp_path / "dev", "spans") for part in (chunks, [])):
        for name in ("ids", "starts", "first", "rows", "marks"):
            assert np.array_equal(getattr(disk, name), getattr(memory, name)), name
