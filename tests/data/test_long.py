"""Long texts: what is read of them is exactly what the way says, and one line of data says it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leantune.core.errors import SpecError
from leantune.core.long import Long, ways_by_field
from leantune.data.cuts import places, shares
from leantune.data.dataset import prepare
from leantune.data.encoded import Encoded
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.data.extract import extracted, question, vector
from leantune.data.pieces._long import LongText
from leantune.data.telling import Known, learn, told_rows
from leantune.models.base import load_tokenizer
from leantune.testing.tiny import WORDS as TINY

FIELDS = {"premise": 0, "text": 0, "hypothesis": 1, "text_pair": 1}
WORDS = [*TINY[:3], *TINY[-17:]]
NOTHING: dict[str, Any] = Known().model_dump()


@pytest.fixture(scope="session")
def tokenizer(tiny: Callable[[str], Path]) -> Callable[[str], Any]:
    return cache(lambda family: load_tokenizer(str(tiny(family))))


def encoded(tokenizer: Any, long: str, texts: list[str], pairs: list[str] | None = None, room: int = 12) -> Encoded:
    return encode_rows(tokenizer, ExampleChunk(texts, pairs), room, LongText(Long.parse(long, FIELDS)))


def said(tokenizer: Any, found: Encoded) -> list[str]:
    return [tokenizer.decode(found.ids[start:end], skip_special_tokens=True) for start, end in pairwise(found.starts)]


@pytest.mark.parametrize("text", ["head", "tail", "both(first=0.5)", "windows(stride=9, most=2)", "select(by=text)"])
def test_what_is_written_is_read_again(text: str) -> None:
    assert str(Long.parse(text, FIELDS)) == text
    mixed = Long.parse(f"premise={text}, hypothesis=head", FIELDS)
    assert Long.parse(str(mixed), FIELDS) == mixed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tial", 'No way to read long texts "tial". Closest: "tail"'),
        ("tail, head", '"tail" names no field'),
        ("text=tail, text=head", '"text" is given twice'),
        ("text=tail, premise=head", '"premise" is given twice'),
        ("hypotesis=tail", 'No field "hypotesis". Closest: "hypothesis"'),
        ("both(first=2)", "first: input should be less than 1"),
        ("windows(strid=2)", 'no option "strid". Closest: "stride"'),
        ("windows(pool=sum)", "pool"),
        ("text=", "Cannot read the expression"),
        ("", "it is empty"),
    ],
)
def test_mistakes_are_told_with_the_nearest_name(text: str, says: str) -> None:
    with pytest.raises(SpecError) as error:
        Long.parse(text, FIELDS)
    assert says in error.value.message


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SpecError) as error:
        ways_by_field("text=tial, text_pair=windows(most=0)")
    assert "tial" in error.value.message
    assert "most" in error.value.message


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "deberta-v2"])
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize(("way", "side"), [("head", "right"), ("tail", "left")])
def test_head_and_tail_are_what_tokenizers_cut(tokenizer: Any, family: str, paired: bool, way: str, side: str) -> None:
    random, one = np.random.default_rng(0), tokenizer(family)
    texts, pairs = ([" ".join(random.choice(WORDS, size)) for size in random.integers(0, 30, 40)] for _ in range(2))
    found = encoded(one, way, texts, pairs if paired else None)
    before = one.truncation_side
    one.truncation_side = side
    try:
        coded = one(texts, pairs if paired else None, truncation=True, max_length=12)["input_ids"]
    finally:
        one.truncation_side = before
    for row, ids in enumerate(coded):
        assert found.ids[found.starts[row] : found.starts[row + 1]].tolist() == (ids or [one.pad_token_id]), texts[row]


def test_both_ends(tokenizer: Any) -> None:
    one = tokenizer("bert")
    (text,) = said(one, encoded(one, "both(first=0.3)", [" ".join(WORDS)]))
    assert text.split() == [*WORDS[:3], *WORDS[-7:]]


def test_each_field_goes_its_own_way_and_types_stay_right(tokenizer: Any) -> None:
    one = tokenizer("bert")
    found = encoded(one, "premise=tail, hypothesis=head", [" ".join(WORDS)], [" ".join(WORDS)], 13)
    assert said(one, found)[0].split() == [*WORDS[-5:], *WORDS[:5]]
    padded = found.padded([0], 0)
    assert padded.types[0].tolist() == [0] * 7 + [1] * 6


@pytest.mark.parametrize(("stride", "size", "count"), [(None, 20, 3), (10, 20, 2), (4, 20, 4), (1, 12, 3), (None, 10, 1), (None, 0, 1)])
def test_windows_cover_everything(tokenizer: Any, stride: int | None, size: int, count: int) -> None:
    one, way = tokenizer("bert"), "windows" if stride is None else f"windows(stride={stride})"
    found = encoded(one, way, [" ".join(WORDS[:size]), "good"])
    pieces = said(one, found)
    assert found.rows.tolist() == [0] * count + [1]
    assert len(found.units) == 2
    assert {word for piece in pieces[:-1] for word in piece.split()} == set(WORDS[:size])
    assert all(len(piece.split()) == min(10, size) for piece in pieces[:-1])


def test_of_a_pair_the_longer_text_moves_and_the_other_stands_still(tokenizer: Any) -> None:
    one = tokenizer("bert")
    pieces = said(one, encoded(one, "windows", ["where when", " ".join(WORDS)], [" ".join(WORDS), "good"], 13))
    assert all(piece.startswith("where when ") for piece in pieces[:3])
    assert pieces[-1].endswith(" good")
    long = said(one, encoded(one, "windows", [" ".join(WORDS)], [" ".join(WORDS[:15])], 13))
    assert all(piece.endswith(" ".join(WORDS[:5])) for piece in long), "a text that takes more than half of the room is cut"


def test_some_windows_are_drawn_for_a_visit_and_all_are_predicted(tokenizer: Any) -> None:
    found = encoded(tokenizer("bert"), "windows(stride=2, most=2)", [" ".join(WORDS), "good", " ".join(WORDS)])
    assert len(found) == 13
    assert found.units.lengths.tolist() == [72, 3, 72]
    assert found.visits.lengths.tolist() == [24, 3, 24]
    random = np.random.default_rng(0)
    drawn = [found.visits.drawn(np.array([2, 1]), random) for _ in range(40)]
    assert all(len(pieces) == 3 and found.rows[pieces].tolist() == [2, 2, 1] for pieces in drawn)
    assert {int(piece) for pieces in drawn for piece in pieces} == set(range(6, 13))
    assert found.padded(drawn[0], 0).answered.tolist() == [2, 1]
    assert found.padded(drawn[0], 0).owners.tolist() == [0, 0, 1]  # type: ignore[union-attr]


def test_room_is_shared_from_the_longest_text() -> None:
    assert [shares([30, 5], 20), shares([5, 30], 20), shares([30, 40], 21), shares([4, 4], 20)] == [[15, 5], [5, 15], [10, 11], [4, 4]]
    assert places([None, 0, 0, None], 8, [{"name": "tail"}]) == [[0, 1, 2, 3]]


def test_sentences_that_tell_labels_are_kept_in_their_order() -> None:
    known = learn([(f"day {n % 5} was {('great', 'awful')[n % 2]}", [n % 2]) for n in range(60)])
    assert set(known.telling) == {"great", "awful"}
    text = "the day began . we were there . food was awful . it was monday . great end ."
    found = extracted(text, question({"by": "auto"}, None, known.model_dump()), 8, words_in, known.model_dump())
    assert found == "food was awful . great end ."


def test_the_other_text_asks() -> None:
    text = "the bank is red . a movie was good . the card is lost ."
    asked = question({"by": "auto"}, "what about my card", NOTHING)
    assert extracted(text, asked, 5, words_in, NOTHING) == "the card is lost ."
    assert question({"by": "labels"}, "what about my card", {**NOTHING, "telling": {"x": 1.0}}) == {"x": 1.0}


def test_where_nothing_tells_the_text_itself_does_and_nothing_is_said_twice() -> None:
    text = "red card and blue card . red card and blue card . food day . zebra ."
    found = extracted(text, {"unheard": 1.0}, 8, words_in, NOTHING)
    assert found.count("red card and blue card") == 1
    assert extracted("no end at all", {}, 2, words_in, NOTHING) == "no end at all"
    assert vector("", NOTHING) == {}


def test_other_scripts_are_read_too() -> None:
    text = "电影开始了。天气很好。演员糟糕透顶。我们走了。"
    assert extracted(text, vector("糟糕", NOTHING), 8, len_of, NOTHING) == "演员糟糕透顶。"


def words_in(parts: list[str]) -> list[int]:
    return [len(part.split()) for part in parts]


def len_of(parts: list[str]) -> list[int]:
    return list(map(len, parts))


def test_chance_tells_nothing() -> None:
    random = np.random.default_rng(0)
    known = learn([(" ".join(random.choice(WORDS, 5)), [int(random.integers(2))]) for _ in range(200)])
    assert known.telling == {}
    assert known.seen["red"] > 1
    assert learn([("good", [0]), ("good", [0])]).telling == {}, "one label alone"


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_only_training_rows_teach(task: str, tmp_path: Path) -> None:
    labels: dict[str, Callable[[int], Any]] = {
        "classification": lambda n: ("up", "down")[n % 2],
        "regression": lambda n: 1.5 + n % 2 * 3,
        "multilabel": lambda n: [("up", "down")[n % 2], "all"],
    }
    train, held = (
        [{"text": f"{number} {('rise', 'fall')[n % 2]} {word} {n}", "label": labels[task](n)} for n in range(80)]
        for number, word in ((1, "here"), (2, "elsewhere"))
    )
    dataset = prepare(train, tmp_path / task, dev=held, test=[{**row, "text": f"{row['text']} too"} for row in held], task=task)
    known = learn(told_rows(dataset))
    assert {"rise", "fall"} == set(known.telling)
    assert known.rows == 80
    assert "elsewhere" not in known.seen
