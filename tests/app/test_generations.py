"""A consensus in several generations (iPET), from two files to an artifact; without labelled rows too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.core.errors import SpecError
from leantune.core.records import TrialRecord

WORDS = {"good": ["great", "nice", "happy"], "bad": ["awful", "sad", "worst"]}
POOL = [
    {"text": f"the {word} {thing} was {other}"}
    for word in ("great", "awful", "sad", "nice")
    for thing in ("card", "day")
    for other in WORDS
]
OPTIONS = {"budget": "10steps", "seeds": 1, "quiet": True, "labels": WORDS, "unlabelled": POOL}


def generations(record: TrialRecord) -> list[str]:
    return [note for note in record.notes if note.startswith("generation")]


def test_views_learn_from_rows_that_others_label(base: str, tickets: Path, tmp_path: Path, proof_here: None) -> None:
    study = lt.study(tickets, model=base, out=tmp_path / "run", few_shot=1, **OPTIONS)
    expression = "consensus(generations=3, growth=2, views=['anchors | prototypes']) | head"
    record = lt.train(study, expression)
    second, third = generations(record)
    assert second.startswith("generation 2: 2 rows added to those of each view, as others label them; all 4 views agree on ")
    assert third.startswith("generation 3: 6 rows added")
    kept = {one: one.stat().st_mtime_ns for one in (tmp_path / "run" / "cache").glob("view-*")}
    assert len(kept) == 2 * 3 * 4
    assert "4 views in 3 generations of 16 unlabelled rows" in (tmp_path / "run" / "best" / "README.md").read_text("utf-8")
    again = lt.train(study, expression)
    assert generations(again) == generations(record)
    assert {one: one.stat().st_mtime_ns for one in (tmp_path / "run" / "cache").glob("view-*")} == kept


def test_without_labelled_rows_words_label_those_of_the_second_generation(
    base: str, tickets: Path, tmp_path: Path, proof_here: None
) -> None:
    study = lt.study(tickets, model=base, out=tmp_path / "run", few_shot=0, **OPTIONS)
    done = lt.compare(study, ["consensus(generations=2) | prototypes"])
    (trial,) = done.comparison.trials
    assert trial.scores.test is not None, trial.reason
    (second,) = generations(trial)
    assert second.startswith("generation 2: 16 rows of 20 wanted (the pool has no more) added")  # eight likeliest rows of each label
    assert 'views of the consensus: anchors(words=given) | prototypes with "' in " ".join(trial.notes)
    assert trial.recipe is not None
    assert trial.recipe.teaching is not None
    assert {view.method for view in trial.recipe.teaching.views} == {"anchors(words=given) | frozen"}


def test_views_that_are_trained_step_by_step_grow_too(
    tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, proof_here: None
) -> None:
    prompts = ["{text} it was {mask}", "a {mask} {text}"]
    study = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", prompt=prompts, few_shot=1, **OPTIONS)
    record = lt.train(study, "consensus(steps=3, generations=2, views=['cloze | bitfit']) | head")
    assert generations(record)[0].startswith("generation 2: 8 rows added")
    assert len(list((tmp_path / "run" / "cache").glob("view-*.json"))) == 4


def test_a_view_alone_has_nobody_to_learn_from(base: str, tickets: Path, tmp_path: Path) -> None:
    study = lt.study(tickets, model=base, out=tmp_path / "run", few_shot=1, **OPTIONS)
    with pytest.raises(SpecError, match="it has one view, and in a further generation each learns from others"):
        lt.compare(study, ["consensus(generations=2, views=['prototypes']) | head"])
