"""Slips around prompts and label words: told in one sentence before anything is trained, or left out of the usual table with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import leantune as lt
from leantune.app.candidates import Field, field_in, idle_options
from leantune.app.expressions import read_methods
from leantune.app.progress import Said, Tried, Trying
from leantune.core.errors import SpecError
from leantune.core.records import Cost
from leantune.core.study import Job
from leantune.execution.results import Outcome

Opened = Callable[..., Any]


@pytest.fixture
def opened(tiny_lm: Callable[[str], Path], base: str, tickets: Path, tmp_path: Path) -> Opened:
    """`opened("bert", ...)` is a study on a language model of that family, `opened("sentences")` on a sentence encoder."""

    def study(family: str, data: Any = None, **options: Any) -> Any:
        model = base if family == "sentences" else str(tiny_lm(family))
        given = {"max_length": 64, "budget": "10steps", "quiet": True, "out": tmp_path / f"{family}-{len(options)}"} | options
        return lt.study(data or str(tickets), model=model, **given)

    return study


def usual(study: Any) -> Field:
    return field_in(study, read_methods(study.default_methods), named=False)


def labelled(*labels: str) -> list[dict[str, str]]:
    words = ("great", "nice", "happy", "fine", "love", "sad", "poor", "hate")
    return [{"text": f"the {word} day number {row} was {label}", "label": label} for row, label in enumerate(labels) for word in words]


def test_a_prompt_that_fills_the_model_stops_the_comparison(opened: Opened) -> None:
    study = opened("bert", prompt="so " * 70 + "{text} It was {mask}.", labels="good=great, bad=awful")
    with pytest.raises(SpecError, match=r"so no text fits beside it. Shorten it, or raise --max-length") as caught:
        lt.plan(study, "head,cloze | lora")
    assert len(str(caught.value)) < 300, "the template is not repeated"


@pytest.mark.parametrize("labels", [("-1", "1"), ("0", "1")])
def test_names_that_say_nothing_leave_methods_out(opened: Opened, labels: tuple[str, ...]) -> None:
    for family in ("sentences", "bert"):
        study = opened(family, labelled(*labels), few_shot=2, seeds=1)
        left = usual(study).left_out
        assert left
        assert all("names of labels say nothing" in reason for reason in left.values()), left


def test_names_that_become_one_word_stay_as_they_are(opened: Opened) -> None:
    study = opened("sentences", labelled("C", "C++", "C#"), few_shot=2, seeds=1)
    assert study.setting().wording.words == {"C": ("C",), "C#": ("C#",), "C++": ("C++",)}
    assert usual(study).left_out == {}


def test_templates_and_words_that_no_method_reads_are_told(opened: Opened, tmp_path: Path, proof_here: None) -> None:
    heard: list[Any] = []
    study = opened("bert", prompt="{text} It was {mask}.", labels="good=great, bad=awful")
    lt.train(study, "head", tmp_path / "best", listen=heard.append)
    assert any(isinstance(one, Said) and one.text.startswith("--prompt, --labels: none of the methods reads it") for one in heard)
    options, read = study.options, read_methods(["full", "head"])
    assert len(idle_options(options, read)) == 1
    assert idle_options(options, [*read, *read_methods(["cloze | lora"])]) == []


def test_with_a_template_or_words_the_usual_table_has_methods_that_read_them(opened: Opened) -> None:
    assert {"cloze | full", "cloze | lora"} < set(opened("bert", prompt="{text} It was {mask}.").default_methods)
    assert "cloze(template=best) | lora" in opened("bert", labels="good=great, bad=awful").default_methods
    assert "anchors | averaged" in opened("sentences", labels="good=great, bad=awful").default_methods
    assert not any("|" in method for method in opened("bert").default_methods)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": ["terrible", "great"]}, "is not the words of each label"),
        ({"labels": {"good": 5, "bad": "awful"}}, r'labels\["good"\]: 5 is not a word, or several'),
        ({"labels": {"good": None, "bad": "awful"}}, r'labels\["good"\]: None is not a word'),
        ({"labels": {"good": [""], "bad": "awful"}}, r'labels\["good"\]: \[\'\'\] is not a word'),
        ({"prompt": 5}, "prompt: 5 is not a template"),
        ({"prompt": ["{text} {mask}", None]}, "is not a template"),
    ],
)
def test_values_that_are_no_texts_are_told(opened: Opened, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        opened("bert", **options)


def test_rows_that_are_cut_behind_the_prompt_are_told(opened: Opened, tmp_path: Path, proof_here: None) -> None:
    study = opened("bert", prompt="so " * 52 + "{text} it was {mask}", labels="good=great, bad=awful")
    heard: list[Any] = []
    record = lt.train(study, "cloze | frozen", tmp_path / "best", listen=heard.append)
    (told,) = (note for note in record.notes if note.startswith("behind the prompt"))
    assert "of 192 training rows are cut" in told, told
    assert not any(isinstance(one, Said) for one in heard), "rows without the prompt are shorter, and say nothing"


def test_one_answer_for_all_rows_is_trained_again_once(opened: Opened, tmp_path: Path, proof_here: None) -> None:
    heard: list[Any] = []
    study = opened("sentences", batch=4, budget="10steps")
    record = lt.train(study, "ia3", tmp_path / "best", listen=heard.append)
    said = [one.text for one in heard if isinstance(one, Said) and "started again at 3 times the learning rate" in one.text]
    assert len(said) == 1
    first, again = [one.job.recipe.lr for one in heard if isinstance(one, Trying)]
    assert again == pytest.approx(3 * first, rel=0.01)
    assert [one.record for one in heard if isinstance(one, Tried)] == [record]


def test_what_trains_nothing_did_not_fail_to_converge(tmp_path: Path) -> None:
    job = Job(name="frozen", expression="frozen", phase="final", recipe=None, seed=1)
    outcome = Outcome(job, tmp_path / "runs" / "trials" / "one")
    outcome.cost = Cost(trainable_params=0)
    outcome.say_one_answer("it predicts one label")
    assert (outcome.status, outcome.reason) == ("one_class", "it predicts one label: nothing was trained")
    outcome.cost = Cost(trainable_params=5)
    outcome.say_one_answer("it predicts one label")
    assert outcome.reason == "it predicts one label: it did not converge"
