"""A consensus of views from two files to an artifact: views, soft targets, a student."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.core.errors import DataError, SpecError

WORDS = {"good": ["great", "nice", "happy"], "bad": ["awful", "sad", "worst"]}
OPTIONS = {"budget": "20steps", "seeds": 1, "few_shot": 4, "quiet": True, "labels": WORDS}


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def pool(tickets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The texts of the labelled file, those of dev and test among them, one without a text, and some more."""
    with tickets.open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    more = [f"the {word} movie and the {word} book" for word in ("great", "awful", "good", "bad")]
    return written(tmp_path_factory.mktemp("pool") / "pool.csv", [{"text": text, "note": "x"} for text in [*texts, "", *more]])


@pytest.fixture(scope="module")
def finished(base: str, tickets: Path, pool: Path, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    methods = ["full(lr=0.003)", "consensus | head", "consensus | anchors | lora(lr=0.003)", "consensus | prototypes"]
    return lt.compare(lt.study(tickets, model=base, unlabelled=pool, out=tmp_path_factory.mktemp("run"), **OPTIONS), methods)


def test_every_student_ends_with_a_score_and_tells_its_views(finished: lt.Result) -> None:
    assert finished.comparison.unsupported == {}
    trials = {trial.name: trial for trial in finished.comparison.trials if trial.phase == "final"}
    for name in ("consensus | head", "consensus | anchors | lora(lr=0.003)", "consensus | prototypes"):
        trial = trials[name]
        assert trial.scores.test is not None, trial.reason
        assert 'anchors | logistic with "This text is about {label}." (weight 0.12)' in " ".join(trial.notes)
        assert any(note.startswith("all 8 views agree on") and note.endswith(" of 196 unlabelled rows") for note in trial.notes), (
            trial.notes
        )
    assert not any("views" in note for note in trials["full(lr=0.003)"].notes)


def test_views_are_trained_once_and_charged_to_every_student(finished: lt.Result) -> None:
    kept = list((finished.run / "cache").glob("view-*.json"))
    assert len(kept) == 8
    trials = {trial.name: trial for trial in finished.comparison.trials if trial.phase == "final"}
    views = sum(_read(one)["seconds"] for one in kept)
    assert (trials["consensus | prototypes"].cost.train_seconds or 0) > views


def _read(path: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads(path.read_text("utf-8"))
    return found


def test_rows_of_dev_and_test_are_left_out_and_told(finished: lt.Result) -> None:
    (line,) = (line for line in finished.comparison.study["inferences"] if line.startswith("unlabelled:"))
    assert line.startswith("unlabelled: 196 rows of pool.csv (128 rows left out that dev or a test set has too")
    assert "1 row left out without a text" in line


def test_labels_under_another_name_are_told_and_not_read(base: str, tickets: Path, tmp_path: Path) -> None:
    texts = [{"text": f"a {word} {thing}"} for word in ("happy", "sad") for thing in ("book", "movie", "card")]
    more = [
        {"gold": "good", "few": "", "else": "no"},
        *[{"gold": "bad", "few": "bad", "else": "good"}] * 4,
        {"gold": "", "few": "", "else": ""},
    ]
    pool = written(tmp_path / "pool.csv", [text | own for text, own in zip(texts, more, strict=True)])
    study = lt.study(tickets, model=base, unlabelled=pool, out=tmp_path / "run", quiet=True)
    (line,) = (line for line in study.inferences if line.startswith("unlabelled:"))
    assert line == (
        'unlabelled: 6 rows of pool.csv (column "gold" holds nothing but labels and is not read; labels count in the training file)'
    )


def test_the_artifact_is_the_student_alone(base: str, tickets: Path, pool: Path, tmp_path: Path, proof_here: None) -> None:
    study = lt.study(tickets, model=base, unlabelled=pool, out=tmp_path / "run", **OPTIONS)
    record = lt.train(study, "consensus | head")
    assert record.cost.trainable_params == 2 * 32 + 2
    assert [found.label for found in lt.load(tmp_path / "run" / "best").predict(["a great day", "awful"])]
    card = (tmp_path / "run" / "best" / "README.md").read_text("utf-8")
    assert "| Taught by | 8 views of 196 unlabelled rows: `anchors \\| prototypes`, `anchors \\| logistic` |" in card


def test_a_masked_model_has_a_view_for_each_template(
    tiny_lm: Callable[[str], Path], tickets: Path, pool: Path, tmp_path: Path, proof_here: None
) -> None:
    prompts = ["{text} it was {mask}", "a {mask} {text}"]
    study = lt.study(tickets, model=str(tiny_lm("bert")), unlabelled=pool, out=tmp_path / "run", prompt=prompts, **OPTIONS)
    record = lt.train(study, "consensus(steps=3) | cloze(template=2) | bitfit")
    assert record.recipe is not None
    assert record.recipe.teaching is not None
    assert [view.wording.templates for view in record.recipe.teaching.views if view.wording] == [(one,) for one in prompts]
    assert {view.steps for view in record.recipe.teaching.views} == {3}
    assert any(note.startswith("all 2 views agree") for note in record.notes)


@pytest.mark.slow
def test_another_unlabelled_file_is_another_trial_and_keeps_all_others(
    base: str, tickets: Path, pool: Path, tmp_path: Path, proof_here: None
) -> None:
    def run(unlabelled: Path | None, methods: list[str]) -> dict[str, str]:
        done = lt.compare(lt.study(tickets, model=base, unlabelled=unlabelled, out=tmp_path / "run", **OPTIONS), methods)
        return {trial.name: trial.digest for trial in done.comparison.trials if trial.phase == "final"}

    student = "consensus(views=[prototypes]) | prototypes"
    one, two = run(None, ["prototypes"]), run(pool, ["prototypes", student])
    three = run(written(tmp_path / "other.csv", [{"text": f"a {word} day"} for word in ("sad", "happy", "good")]), [student])
    assert one["prototypes"] == two["prototypes"]
    assert two[student] != three[student]


def test_what_a_teacher_cannot_use_is_told(base: str, tickets: Path, pool: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'the rows have labels in "label", and --unlabelled takes texts alone.*Drop the column'):
        lt.study(tickets, model=base, unlabelled=tickets, out=tmp_path / "labelled", quiet=True)
    study = lt.study(tickets, model=base, out=tmp_path / "none", **OPTIONS | {"few_shot": 0})
    with pytest.raises(SpecError, match=r"consensus \| head: a teacher judges rows without labels\. Give them with --unlabelled FILE"):
        lt.compare(study, ["consensus | head"])
    with pytest.raises(SpecError, match="--unlabelled is for one task at a time"):
        lt.study({"one": str(tickets), "two": str(tickets)}, model=base, unlabelled=pool, out=tmp_path / "mix", quiet=True)
    study = lt.study(tickets, model=base, unlabelled=pool, out=tmp_path / "contrast", **OPTIONS)
    with pytest.raises(SpecError, match="contrast compares rows by their labels"):
        lt.compare(study, ["consensus | anchors(loss=contrast) | lora"])
    with pytest.raises(SpecError, match=r"cloze\(template=1\) \| frozen: there is no template"):
        lt.compare(study, ["consensus(views=['cloze(template=1) | frozen']) | head"])
