"""Prompts that settle their wording, from a file to an artifact: noted, kept, read back, and the same in `predict.py`."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.core.errors import SpecError
from leantune.core.wording import Wording

pytestmark = pytest.mark.slow

PROMPT = {"prompt": ["{text} it was {mask}", "{text} and so {mask}"], "labels": "good=great|nice, bad=bad|hate"}
TEXTS = ["the movie was great", "this book is bad", "", "very red card"]


@pytest.fixture(scope="module")
def finished(tiny_lm: Callable[[str], Path], tickets: Path, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    options = {"budget": "12steps", "seeds": 2, "few_shot": 8, "keep_all": True, "quiet": True, "max_length": 64}
    opened = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path_factory.mktemp("run"), **options, **PROMPT)
    return lt.compare(opened, ["cloze(calibrate=true, verbalizer=auto) | full", "cloze(demonstrations=1, template=best) | frozen"])


def test_the_report_shows_what_was_found_for_each_draw(finished: lt.Result) -> None:
    trials = [trial for trial in finished.comparison.trials if trial.phase == "final"]
    assert len(trials) == 4
    for trial in trials:
        wording = Wording.model_validate_json((finished.run / "trials" / trial.digest / "wording.json").read_bytes())
        assert wording.settled
        assert (trial.cost.train_seconds or 0.0) > 0.0
        if "auto" in trial.name:
            words = "; ".join(f"{label}: {', '.join(own)}" for label, own in wording.words.items())
            assert f"label words: {words}" in trial.notes
            assert {label: len(own) for label, own in wording.priors.items()} == {"bad": 3, "good": 3}
            assert words in (finished.run / "report.html").read_text()
        else:
            assert len(wording.demonstrations) == 4
            assert any(note.startswith("template ") for note in trial.notes)
    found = {trial.seed: trial.notes[0] for trial in trials if "auto" in trial.name}
    assert found[13] != found[21]


@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("bert", "cloze(calibrate=true, verbalizer=knowledge) | full"),
        pytest.param("bert", "cloze(template=all, verbalizer=soft) | bitfit", marks=pytest.mark.slow),
        ("gpt2", "cloze(demonstrations=1, template=all, calibrate=true) | prompt(tokens=2)"),
        pytest.param("t5", "cloze(demonstrations=1, verbalizer=auto) | lora", marks=pytest.mark.slow),
    ],
)
def test_artifacts_carry_what_was_settled(
    tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path, proof_here: None, family: str, method: str
) -> None:
    options = {"budget": "10steps", "few_shot": 8, "quiet": True, "max_length": 100}
    opened = lt.study(tickets, model=str(tiny_lm(family)), out=tmp_path / "run", **options, **PROMPT)
    lt.train(opened, method, tmp_path / "best")
    wording = read_manifest(tmp_path / "best").facts.wording
    assert wording is not None
    assert wording.settled == ("soft" not in method)
    model = lt.load(tmp_path / "best")
    texts = [*TEXTS, *(one.texts[0] for one in wording.demonstrations[:1])]
    expected = model.predict(texts)
    script = runpy.run_path(str(tmp_path / "best" / "predict.py"))
    found = script["predict"](script["load_model"](None), texts, None)
    assert [label for label, _ in found] == [one.label for one in expected]
    assert np.allclose([score for _, score in found], [one.score for one in expected], atol=1e-4)
    assert torch.is_grad_enabled()


def test_what_cannot_be_settled_is_told_before_anything_is_trained(tiny_lm: Callable[[str], Path], tickets: Path, tmp_path: Path) -> None:
    opened = lt.study(tickets, model=str(tiny_lm("bert")), out=tmp_path / "run", few_shot=4, quiet=True, **PROMPT)
    with pytest.raises(SpecError, match=r'label "bad" has 4 training rows. Show so many at most'):
        lt.compare(opened, ["cloze(demonstrations=5) | frozen"])
    assert not (tmp_path / "run" / "trials").exists()
