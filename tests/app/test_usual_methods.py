"""What takes part when no method is named: with few rows head tuning beside everything that uses what the labels are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import leantune as lt
from leantune.app.candidates import Field, field_in
from leantune.app.expressions import read_methods
from leantune.app.options import Options
from leantune.app.study import Study
from leantune.core.errors import SpecError

HEADS = ["full", "head", "bitfit", "lora"]
POOL = [{"text": "a great day"}, {"text": "the sad card"}]
NUMBERED = [
    {"text": f"the {word} {thing}", "label": label}
    for label, words in {"0": ("sad", "bad"), "1": ("nice", "fine")}.items()
    for word in words
    for thing in ("day", "card", "book", "food")
]
Opened = Callable[..., Study]


@pytest.fixture
def opened(tickets: Path, tmp_path: Path) -> Opened:
    def study(model: str, data: Any = None, **options: Any) -> Study:
        given = {"few_shot": 2, "max_length": 64, "quiet": True, "out": tmp_path / "run"} | options
        return lt.study(data or str(tickets), model=model, **given)

    return study


def admitted(study: Study) -> Field:
    return field_in(study, read_methods(study.default_methods), named=False)


def test_on_a_sentence_encoder_words_stand_among_the_texts(base: str, opened: Opened) -> None:
    study = opened(base, unlabelled=POOL)
    assert list(study.default_methods) == [
        *HEADS,
        *("anchors(words=given) | frozen", "anchors | prototypes", "anchors | logistic", "anchors | averaged", "anchors | lora"),
        *("anchors(loss=contrast) | lora", "consensus | head"),
    ]
    field = admitted(study)
    assert (len(field.candidates), field.left_out) == (len(study.default_methods), {})


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_language_model_is_asked_and_shown_rows(family: str, tiny_lm: Callable[[str], Path], opened: Opened) -> None:
    study = opened(str(tiny_lm(family)), prompt="{text} it was {mask}", unlabelled=POOL)
    assert list(study.default_methods) == [
        *HEADS,
        *("cloze | frozen", "cloze | full", "cloze | lora", "cloze | prompt", "cloze(demonstrations=1) | frozen", "consensus | full"),
    ]
    field = admitted(study)
    assert (len(field.candidates), field.left_out) == (len(study.default_methods), {})


def test_without_a_template_the_best_of_the_usual_ones_and_without_rows_all_of_them(
    tiny_lm: Callable[[str], Path], opened: Opened, tmp_path: Path
) -> None:
    found = opened(str(tiny_lm("bert"))).default_methods
    assert "cloze(template=best) | lora" in found
    assert "cloze(template=best, demonstrations=1) | frozen" in found
    assert not any("consensus" in one for one in found)
    none = opened(str(tiny_lm("bert")), few_shot=0, out=tmp_path / "none").default_methods
    assert none[-1] == "cloze(template=all) | frozen"


def test_a_template_with_soft_tokens_is_the_soft_prompt(tiny_lm: Callable[[str], Path], opened: Opened) -> None:
    study = opened(str(tiny_lm("bert")), prompt="{soft:2} {text} {mask}")
    assert list(study.default_methods) == [*HEADS, "cloze | frozen", "cloze | full", "cloze | lora"]
    assert admitted(study).left_out == {}


def test_names_of_labels_that_say_nothing_leave_the_words_out_with_the_reason(base: str, opened: Opened) -> None:
    study = opened(base, NUMBERED, unlabelled=POOL)
    field = admitted(study)
    assert [one.name for one in field.candidates] == HEADS
    assert len(field.left_out) == 7
    assert all('give words with --labels "0=WORD' in why for why in field.left_out.values())
    with pytest.raises(SpecError, match="the names of labels say nothing"):
        field_in(study, read_methods(["anchors | lora"]))


def test_few_rows_tell_that_nothing_can_be_chosen_by_them(base: str, opened: Opened, tmp_path: Path) -> None:
    averaged = "fewer than 8 rows of a label: a choice on them would be noise"
    assert any(line.startswith(averaged) for line in opened(base).inferences)
    assert not any(line.startswith(averaged) for line in opened(base, few_shot=8, out=tmp_path / "more").inferences)


def test_few_rows_get_steps_enough_unless_a_budget_is_given() -> None:
    assert Options.of(few_shot=8).budget_text == "250steps"
    assert Options.of(few_shot=8, budget="5min").budget_text == "5min"
    assert Options.of().budget_text == "20min"
