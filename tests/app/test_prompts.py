"""Prompts from a file to an artifact: in one table with head tuning, on every kind of body, and what is refused."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import SpecError

PROMPT = {"prompt": "{text} it was {mask}", "labels": "good=great|nice, bad=awful|poor"}
CLOZE = "cloze | full(lr=0.003)"


@pytest.fixture(scope="module")
def finished(tiny_lm: Callable[[str], Path], tickets: Path, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    options = {"budget": "150steps", "seeds": 1, "keep_all": True, "quiet": True, "batch": 16}
    opened = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path_factory.mktemp("run"), **options, **PROMPT)
    return lt.compare(opened, ["full(lr=0.003)", CLOZE, "cloze(verbalizer=soft) | full(lr=0.003)"])


def test_prompted_methods_stand_in_the_same_table(finished: lt.Result) -> None:
    rows = {row.name: row for row in finished.comparison.methods}
    assert rows["full(lr=0.003)"].verdict == "reference"
    assert (rows[CLOZE].mean or 0.0) > 0.8
    assert rows[CLOZE].cost.trainable_params is not None
    recipe = next(trial.recipe for trial in finished.comparison.trials if trial.name == CLOZE)
    assert recipe is not None
    assert recipe.wording is not None
    assert recipe.wording.words == {"bad": ("awful", "poor"), "good": ("great", "nice")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("bert", "cloze | lora(lr=0.01)"),
        ("roberta", "cloze(verbalizer=soft) | bitfit(lr=0.01)"),
        ("gpt2", "cloze | prompt(tokens=4, lr=0.01)"),
        ("t5", "cloze | full(lr=0.001)"),
    ],
)
def test_artifacts_predict_alike_everywhere(
    tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, family: str, method: str
) -> None:
    words = {"good": ["good", "nice"], "bad": ["bad", "sad"]}
    opened = lt.study(
        tickets,
        model=str(tiny_lm(family)),
        out=tmp_path / "run",
        budget="10steps",
        quiet=True,
        max_length=64,
        prompt=PROMPT["prompt"],
        labels=words,
    )
    lt.train(opened, method, tmp_path / "best")
    manifest = read_manifest(tmp_path / "best")
    assert "predict.py" in manifest.loads_in
    assert manifest.proof is not None
    assert lt.load(tmp_path / "best").predict(["the movie was great"])[0].label in words


def test_a_prototypical_verbalizer_predicts_from_its_artifact(
    tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, proof_here: None
) -> None:
    opened = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", quiet=True, max_length=32, **PROMPT)
    record = lt.train(opened, "cloze(verbalizer=soft) | prototypes", tmp_path / "best")
    assert any(note.startswith("prototypes: the words of a label count as") for note in record.notes)
    test = opened.dataset.splits["test"]
    (chunk,) = test.chunks()
    texts, labels = list(chunk.texts), [opened.dataset.labels[int(number)] for number in test.gold]
    found = lt.load(tmp_path / "best").predict(texts)
    right = [one.label == label for one, label in zip(found, labels, strict=True)]
    assert sum(right) / len(right) == record.scores.test
    script = runpy.run_path(str(tmp_path / "best" / "predict.py"))
    alone = script["predict"](script["load_model"](None), texts, None)
    assert [label for label, _ in alone] == [one.label for one in found]
    assert [score for _, score in alone] == pytest.approx([one.score for one in found], abs=1e-4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"labels": "god=great, bad=awful"}, 'the data have no label "god". Closest: "good"'),
        ({"labels": "good=great"}, "no word for bad"),
        ({"labels": "good=great|fine, bad=Fine"}, 'the word "fine" stands for "bad" and for "good"'),
        ({"prompt": "{text} was good"}, "has no {mask}"),
        ({"prompt": "{txt} {mask}"}, 'there is no column "txt". Closest: "text"'),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    base: str, tickets: Path, tiny_lm: Callable[[str], Path], tmp_path: Path, options: dict[str, str], says: str
) -> None:
    opened = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", quiet=True, **{**PROMPT, **options})
    with pytest.raises(SpecError) as error:
        lt.compare(opened, [CLOZE])
    assert says in error.value.message


def test_a_sentence_encoder_has_no_words_to_ask(base: str, tickets: Path, tmp_path: Path) -> None:
    opened = lt.study(tickets, model="minilm", out=tmp_path / "run", quiet=True, **PROMPT)
    with pytest.raises(SpecError, match="cloze"):
        lt.compare(opened, [CLOZE])


def test_label_words_in_one_line_are_read_before_the_data() -> None:
    with pytest.raises(SpecError, match='"good great" is not LABEL=WORD'):
        lt.study("nowhere.csv", labels="good great, bad=awful")
