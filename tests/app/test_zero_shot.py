"""No labelled row at all: label words answer, what needs rows is left out with the reason, and a consensus still teaches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.core.errors import SpecError

WORDS = {"good": ["great", "nice", "happy"], "bad": ["awful", "sad", "worst"]}
NEEDS = "needs labelled rows, and there are none"
OPTIONS = {"budget": "10steps", "seeds": 2, "few_shot": 0, "quiet": True, "labels": WORDS}


@pytest.fixture(scope="module")
def finished(base: str, tickets: Path, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    pool = [
        {"text": f"the {word} card and the {other} day"} for word in ("great", "awful", "sad", "nice") for other in ("red", "bad", "good")
    ]
    study = lt.study(tickets, model=base, unlabelled=pool, out=tmp_path_factory.mktemp("run"), **OPTIONS)
    return lt.compare(study, [*study.default_methods, "consensus | anchors(words=given) | lora", "consensus | prototypes"])


def test_what_needs_rows_is_left_out_with_the_reason(finished: lt.Result) -> None:
    left_out = finished.comparison.unsupported
    assert {name for name, why in left_out.items() if why == NEEDS} == {"full", "head", "bitfit", "lora"}
    assert "use anchors(words=given)" in left_out["anchors | prototypes"]
    assert [row.name for row in finished.comparison.methods if row.kind == "baseline"] == []


def test_label_words_and_a_consensus_of_them_answer(finished: lt.Result) -> None:
    rows = {row.name: row for row in finished.comparison.methods}
    taught = {"consensus | head", "consensus | anchors(words=given) | lora", "consensus | prototypes"}
    assert set(rows) == {"anchors(words=given) | frozen", *taught}
    assert {name for name, row in rows.items() if row.mean is None} <= {"consensus | head"}, "ten steps may leave a fresh head at one label"
    assert finished.comparison.study["data"]["splits"]["train"] == 0
    (notes,) = {
        " ".join(trial.notes) for trial in finished.comparison.trials if trial.name == "consensus | prototypes" and trial.seed == 13
    }
    assert 'anchors(words=given) | frozen with "It was {label}." (weight 0.25)' in notes
    assert "all 4 views agree on" in notes


def test_the_answers_do_not_depend_on_the_draw(finished: lt.Result) -> None:
    scores = {trial.scores.test for trial in finished.comparison.trials if trial.name == "anchors(words=given) | frozen"}
    assert len(scores) == 1


def test_a_masked_model_is_asked_for_words(tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, proof_here: None) -> None:
    study = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", **OPTIONS)
    assert study.default_methods[-1] == "cloze(template=all) | frozen"
    done = lt.compare(
        lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", **OPTIONS, prompt="{text} {mask}"), ["cloze | frozen"]
    )
    assert done.comparison.methods[0].mean is not None, [(t.status, t.reason) for t in done.comparison.trials]


def test_a_file_of_which_only_the_names_of_the_labels_are_used_makes_an_artifact(base: str, tmp_path: Path, proof_here: None) -> None:
    rows = [{"text": f"a {word} {thing}", "label": label} for label, own in WORDS.items() for word in own for thing in ("day", "card")]
    study = lt.study(rows, model=base, out=tmp_path / "run", quiet=True)
    record = lt.train(study, "anchors(words=given) | frozen")
    assert record.cost.trainable_params == 0
    assert {found.label for found in lt.load(tmp_path / "run" / "best").predict(["a great day"])} <= {"good", "bad"}


def test_nothing_that_can_answer_is_one_clear_error(base: str, tickets: Path, tmp_path: Path) -> None:
    study = lt.study(tickets, model=base, out=tmp_path / "run", **OPTIONS)
    with pytest.raises(SpecError, match=f"None of the methods can work on .*: full: {NEEDS}; head: {NEEDS}"):
        lt.compare(study, ["full", "head"])
