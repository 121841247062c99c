"""Whatever is typed is either read or told in our own voice; what is printed is read back as the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leantune.core import catalogue
from leantune.core.budget import parse_budget
from leantune.core.errors import LeantuneError
from leantune.core.expressions import Call, parse_call, parse_chain, split_list
from leantune.core.long import FIELDS, Long
from leantune.core.quantity import parse_count, parse_size
from leantune.core.wording import parse_words
from leantune.kinds.method import parse_method

FAST = settings(max_examples=120, deadline=None, derandomize=True, database=None)
PIECES = [*"lora12.e-+,=|()[]{}'\" _:*#\\\n\0é", "head", "rank", "lr", "full", "None", "lambda", "0x", "9" * 30]
LIKE = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
ANY = st.one_of(LIKE, st.text(max_size=30))
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
PLAIN = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(), WORDS)
VALUES = st.recursive(PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=2)), max_leaves=5)
NAMES = st.sampled_from(["lora", "peft.oft", "last_layers", "quantize"])


@FAST
@given(NAMES, st.lists(VALUES, max_size=3), st.dictionaries(st.sampled_from(["rank", "lr", "sites"]), VALUES, max_size=3))
@example("lora", [0.0012345678, "class", "a..b", "ﬁ", "True", -0.0, 1e16, "x'\"\n"], {})
def test_a_link_is_read_back_as_it_was(name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    call = Call(name, tuple(args), kwargs)
    again = parse_call(str(call))
    assert again == call
    assert str(again) == str(call)
    assert parse_chain(f"{call} | head") == [call, Call("head")]
    assert split_list(f"{call}, head") == [str(call), "head"]


@FAST
@given(ANY)
@example("(" * 300)
@example("a" + ".a" * 5000)
@example("-" * 5000 + "1")
@example("lora(" + "[" * 2000)
@example("lora(rank=" + "9" * 5000 + ")")
@example("lora(lr=1e999)")
@example("lora(lr=-1e999)")
def test_any_text_is_a_method_or_an_error(text: str) -> None:
    try:
        found = parse_method(text)
    except LeantuneError:
        return
    assert parse_method(found.name).name == found.name


@FAST
@given(ANY)
@example("9" * 500 + "steps")
@example("1" + "0" * 400 + "h")
def test_any_text_is_a_budget_or_an_error(text: str) -> None:
    try:
        budget = parse_budget(text)
    except LeantuneError:
        return
    assert (budget.seconds or 0) >= 10 or (budget.steps or 0) >= 10
    assert parse_budget(budget.text) == budget


@FAST
@given(st.one_of(ANY, st.from_regex(r"\A\s?[0-9]{1,6}(\.[0-9]{1,3})?\s?[kKmMgGtT]?(i?[bB])?\Z")))
@example("9" * 500)
@example("9" * 500 + "TB")
def test_any_text_is_a_quantity_or_an_error(text: str) -> None:
    for parse in (parse_count, parse_size):
        try:
            value = parse(text, "--max")
        except LeantuneError:
            continue
        assert value is not None
        assert value > 0
        assert parse(str(value), "--max") == value


@FAST
@given(st.integers(1, 10**6), st.sampled_from(["k", "M", "G", "T"]))
def test_a_quantity_is_its_number_times_its_unit(number: int, unit: str) -> None:
    assert parse_count(f"{number}{unit}", "--max") == number * {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}[unit]
    assert parse_size(f"{number} {unit}B", "--max") == parse_count(f"{number}{unit}", "--max")


@FAST
@given(ANY)
def test_any_text_is_a_way_to_read_long_texts_or_an_error(text: str) -> None:
    try:
        found = Long.parse(text, FIELDS)
    except LeantuneError:
        return
    assert Long.parse(str(found), FIELDS) == found


@FAST
@given(ANY)
def test_any_text_is_words_of_labels_or_an_error(text: str) -> None:
    try:
        found = parse_words(text)
    except LeantuneError:
        return
    assert all(label and all(words) for label, words in found.items())


@pytest.mark.parametrize("name", [name for name in catalogue.names("methods") if name != "peft"])
def test_every_method_prints_what_it_reads(name: str) -> None:
    found = parse_method(f"{name}(lr=0.00012345678)")
    assert parse_method(found.name) == found
    assert found.training == {"lr": 0.00012345678}, "no digit of a rate is lost"
