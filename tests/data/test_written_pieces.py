"""Pieces that are written or sought: what stands before a target, which token is sought where, and what is cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leantune.core.errors import SpecError
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.masking import Hider
from leantune.data.pieces._pieces import Room
from leantune.data.pieces.chat import PLAIN_TEMPLATE
from leantune.models.base import load_tokenizer

TEXTS, TARGETS = ["the movie was great", "", "never " * 40], ["good", "so bad", "not good " * 20]
ROOM = Room(32, 6)


@pytest.fixture(scope="module")
def tokenizer(tiny: Callable[[str], Path]) -> Callable[[str], Any]:
    return cache(lambda family: load_tokenizer(str(tiny(family))))


def tokens_of(encoded: Encoded, piece: int) -> tuple[list[int], list[int]]:
    span = slice(encoded.starts[piece], encoded.starts[piece + 1])
    return encoded.ids[span].tolist(), [] if encoded.marks is None else encoded.marks[span].tolist()


def sought(ids: list[int], marks: list[int]) -> list[int]:
    """The marked tokens, each of which must be the one that follows."""
    places = [place for place, mark in enumerate(marks) if mark >= 0]
    assert all(ids[place + 1] == marks[place] for place in places)
    return [marks[place] for place in places]


def bare(tokenizer: Any, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return found


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_decoder_seeks_the_target_behind_source_and_break(tokenizer: Callable[[str], Any], family: str) -> None:
    one = tokenizer(family)
    encoded = encode_rows(one, ExampleChunk(TEXTS, targets=TARGETS), ROOM, "continued")
    for row, (text, target) in enumerate(zip(TEXTS, TARGETS, strict=True)):
        ids, marks = tokens_of(encoded, row)
        between, end = bare(one, "\n"), one.eos_token_id
        expected = [*bare(one, target)[: ROOM.target - 1], end]
        source = bare(one, text)[: ROOM.length - ROOM.target - len(between)] or [one.pad_token_id]
        assert ids == [*source, *between, *expected]
        assert encoded.first[row] == len(source) + len(between)
        assert sought(ids, marks) == expected
        assert marks[encoded.first[row] - 1] == expected[0], "the first one is sought at the last token of the prompt"
    assert encoded.lengths.max() <= ROOM.length


@pytest.mark.parametrize("pieces", ["continued", "transduced"])
def test_rows_to_predict_seek_the_end_only(tokenizer: Callable[[str], Any], pieces: str) -> None:
    one = tokenizer("gpt2" if pieces == "continued" else "t5")
    with_target, without = (encode_rows(one, ExampleChunk(TEXTS, targets=targets), ROOM, pieces) for targets in (TARGETS, None))
    assert with_target.first.tolist() == without.first.tolist(), "the prompt does not depend on the target"
    assert (without.lengths - without.first).tolist() == [1, 1, 1]
    assert [int(without.ids[end - 1]) for end in without.starts[1:]] == [one.eos_token_id] * 3


def test_an_encoder_decoder_reads_and_writes_apart(tokenizer: Callable[[str], Any]) -> None:
    one = tokenizer("t5")
    encoded = encode_rows(one, ExampleChunk(TEXTS, targets=TARGETS), ROOM, "transduced")
    padded = encoded.padded([0, 1], one.pad_token_id)
    assert padded.apart
    assert padded.ids[0].tolist() == one(TEXTS[0])["input_ids"]
    assert padded.ids[1].tolist()[:1] == one("")["input_ids"]
    assert padded.mask.sum(axis=1).tolist() == [5, 1]
    assert padded.marks is not None
    assert padded.marks[0].tolist() == [*bare(one, "good"), one.eos_token_id, -1]
    assert padded.marks[1].tolist() == [*bare(one, "so bad"), one.eos_token_id]
    long = encoded.padded([2], 0)
    assert (long.ids.shape[1], long.marks.shape[1] if long.marks is not None else 0) == (ROOM.length, ROOM.target)


def test_a_target_without_room_is_refused(tokenizer: Callable[[str], Any]) -> None:
    with pytest.raises(SpecError, match="leave no room"):
        encode_rows(tokenizer("gpt2"), ExampleChunk(["a"], targets=["b"]), Room(8, 8), "continued")


TURNS = [
    {"role": "system", "content": "you love the movie"},
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": "hello you"},
    {"role": "user", "content": "what movie"},
]


def conversation(turns: list[dict[str, str]]) -> ExampleChunk:
    return ExampleChunk([json.dumps(turns)], targets=["the red one"])


def test_a_chat_seeks_what_the_assistant_says_and_nothing_else(tokenizer: Callable[[str], Any]) -> None:
    one = tokenizer("gpt2")
    encoded = encode_rows(one, conversation(TURNS), Room(100, 20), "chat")
    ids, marks = tokens_of(encoded, 0)
    said = one.decode(sought(ids, marks))
    assert said == f" hello you{one.eos_token}\n the red one{one.eos_token}"
    prompt = one.apply_chat_template(TURNS, chat_template=PLAIN_TEMPLATE, tokenize=False, add_generation_prompt=True)
    assert one.decode(ids[: encoded.first[0]]) == prompt
    assert one.decode(ids) == f"{prompt} the red one{one.eos_token}"


def test_the_tokenizers_own_template_is_used(tokenizer: Callable[[str], Any]) -> None:
    one = load_tokenizer(tokenizer("gpt2").name_or_path)
    one.chat_template = (
        "{% for turn in messages %}<{{ turn['role'] }}>{{ turn['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    encoded = encode_rows(one, conversation(TURNS), Room(100, 20), "chat")
    ids, marks = tokens_of(encoded, 0)
    assert one.decode(ids).startswith("<system>you love the movie<user>hello<assistant>hello you<user>")
    assert one.decode(sought(ids, marks)) == f"hello youthe red one{one.eos_token}"


def test_a_template_that_changes_earlier_turns_seeks_the_last_reply(tokenizer: Callable[[str], Any]) -> None:
    one = load_tokenizer(tokenizer("gpt2").name_or_path)
    one.chat_template = "{{ messages | length }}:{% for turn in messages %}{{ turn['content'] }} {% endfor %}"
    encoded = encode_rows(one, conversation(TURNS), Room(100, 20), "chat")
    assert one.decode(sought(*tokens_of(encoded, 0))) == f"the red one{one.eos_token}"


def test_a_long_chat_loses_its_oldest_turns_first(tokenizer: Callable[[str], Any]) -> None:
    one = tokenizer("gpt2")
    many = [TURNS[0], *TURNS[1:3] * 10, TURNS[3]]
    encoded = encode_rows(one, conversation(many), Room(64, 20), "chat")
    ids, _ = tokens_of(encoded, 0)
    prompt = one.decode(ids[: encoded.first[0]])
    assert encoded.first[0] <= 44
    assert prompt.startswith("System: you love the movie\n")
    assert prompt.endswith("User: what movie\nAssistant:")
    assert 1 <= prompt.count("hello") < 10
    huge = encode_rows(one, conversation([{"role": "user", "content": "movie " * 200}]), Room(64, 20), "chat")
    assert huge.first[0] == 44
    assert one.decode(tokens_of(huge, 0)[0][:44]).endswith("movie \nAssistant:")


def test_every_token_of_a_passage_is_sought_once(tokenizer: Callable[[str], Any]) -> None:
    one = tokenizer("gpt2")
    encoded = encode_rows(one, ExampleChunk([TEXTS[2], TEXTS[0], ""]), Room(16), "passage")
    assert encoded.lengths.max() <= 16
    for row, text in enumerate((TEXTS[2], TEXTS[0], "")):
        found = [token for piece in np.flatnonzero(encoded.rows == row) for token in sought(*tokens_of(encoded, piece))]
        assert found == [*bare(one, text), one.eos_token_id][1:]


def test_hidden_tokens_can_be_restored_and_depend_on_the_text_alone(tokenizer: Callable[[str], Any]) -> None:
    one = tokenizer("bert")
    texts = [TEXTS[2], *TEXTS[:2]]
    encoded, reversed_ = (encode_rows(one, ExampleChunk(rows), Room(16), "hidden") for rows in (texts, texts[::-1]))
    assert sorted(tokens_of(encoded, piece) for piece in range(len(encoded))) == sorted(
        tokens_of(reversed_, piece) for piece in range(len(reversed_))
    )
    for piece in range(len(encoded)):
        ids, marks = tokens_of(encoded, piece)
        whole = [mark if mark >= 0 else token for token, mark in zip(ids, marks, strict=True)]
        assert [mark for mark in marks if mark in one.all_special_ids] == []
        assert whole[0] == one.cls_token_id
        assert whole[-1] == one.sep_token_id
        assert any(mark >= 0 for mark in marks) or len(ids) == 2


def test_hiding_keeps_its_shares() -> None:
    hider = Hider(mask=4, size=1000, special=frozenset(range(5)))
    ids = np.random.default_rng(0).integers(0, 1000, (200, 300))
    hidden, marks = hider.hide(ids, np.random.default_rng(1))
    seen = marks >= 0
    assert not (seen & (ids < 5)).any()
    assert (marks[seen] == ids[seen]).all()
    assert (hidden[~seen] == ids[~seen]).all()
    assert seen.mean() == pytest.approx(0.15, abs=0.005)
    assert (hidden[seen] == 4).mean() == pytest.approx(0.8, abs=0.01)
    assert (hidden[seen] == ids[seen]).mean() == pytest.approx(0.1, abs=0.01)
    again, other = hider.again(hidden, marks, np.random.default_rng(2))
    assert (np.where(other >= 0, other, again) == ids).all(), "nothing is lost when other tokens are hidden"
    assert (other != marks).any()


def test_torn_spans_fit_their_holes(tokenizer: Callable[[str], Any]) -> None:
    one = tokenizer("t5")
    one = load_tokenizer(one.name_or_path)
    one.add_tokens([f"<extra_id_{number}>" for number in range(8)])
    text = "the movie was so bad that i never want the worst food of the day again " * 3
    encoded = encode_rows(one, ExampleChunk([text, "good", ""]), Room(24), "corrupted")
    signs = {one.convert_tokens_to_ids(f"<extra_id_{number}>") for number in range(8)}
    whole: list[int] = []
    for piece in np.flatnonzero(encoded.rows == 0):
        ids, _ = tokens_of(encoded, piece)
        source, target = ids[: encoded.first[piece]], ids[encoded.first[piece] :]
        assert source[-1] == target[-1] == one.eos_token_id
        spans: dict[int, list[int]] = {}
        for token in target[:-1]:
            spans.setdefault(token, []) if token in signs else spans[list(spans)[-1]].append(token)
        assert all(spans.values())
        whole += [token for part in source[:-1] for token in (spans[part] if part in signs else [part])]
    assert whole == bare(one, text)
    assert len(encoded) > 3


def test_span_corruption_needs_signs(tokenizer: Callable[[str], Any]) -> None:
    with pytest.raises(SpecError, match="stand for a span"):
        encode_rows(tokenizer("t5"), ExampleChunk(["a"]), Room(24), "corrupted")
