"""Pairs of texts from a file to an artifact: the second text alone tells the label."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

import leantune as lt
from leantune.core.errors import DataError

FULL, HEAD = "full(lr=0.01)", "head(lr=0.05)"
WORDS = {"yes": ["great", "good", "nice", "love"], "no": ["awful", "bad", "sad", "hate"]}
FILLER = ["the", "movie", "was", "a", "book", "day", "food", "card", "very", "this"]


def pairs(number: int) -> list[dict[str, str]]:
    """Both texts hold a telling word; only that of the second counts."""
    draw, made = random.Random(0), dict[str, dict[str, str]]()
    while len(made) < number:
        label = draw.choice(["yes", "no"])
        first = [*draw.sample(FILLER, 3), draw.choice(WORDS["yes"] + WORDS["no"])]
        second = [*draw.sample(FILLER, draw.randint(1, 3)), draw.choice(WORDS[label])]
        draw.shuffle(second)
        row = {"question": " ".join(first), "answer": " ".join(second), "label": label}
        made[" ".join(row.values())] = row
    return list(made.values())


@pytest.fixture(scope="module")
def finished(base: str, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> lt.Result:
    columns = {"text": "question", "text_pair": "answer", "label": "label"}
    options = {"budget": "40steps", "seeds": 1, "keep_all": True, "quiet": True}
    opened = lt.study(pairs(160), model=base, out=tmp_path_factory.mktemp("run"), **options, **columns)
    return lt.compare(opened, [FULL, HEAD])


def test_both_methods_learn_from_the_second_text(finished: lt.Result) -> None:
    rows = {row.name: row for row in finished.comparison.methods}
    assert finished.comparison.study["data"]["columns"] == {"text": "question", "text_pair": "answer", "label": "label"}
    assert (rows[FULL].mean or 0.0) > 0.9
    assert (rows[FULL].mean or 0.0) > (rows["majority"].mean or 1.0)
    assert rows[HEAD].seeds == 1


def test_the_artifact_predicts_pairs(finished: lt.Result, tmp_path: Path) -> None:
    loaded = lt.load(finished.choice.save(tmp_path / "out"))
    asked = [("the movie was bad", "very nice"), ("the movie was great", "very sad"), ("this book", "a great day")]
    assert [one.label for one in loaded.predict(asked)] == ["yes", "no", "yes"]
    alone = [loaded.predict([row])[0].score for row in asked]
    assert [one.score for one in loaded.predict(asked)] == pytest.approx(alone, abs=1e-5)
    with pytest.raises(DataError, match="this model reads pairs"):
        loaded.predict(["the movie was great"])


def test_a_cloze_prompt_on_pairs_predicts_alike_from_its_artifact(tiny_lm: Callable[[str], Path], tmp_path: Path, proof_here: None) -> None:
    model, columns = str(tiny_lm("bert")), {"text": "question", "text_pair": "answer", "label": "label"}
    said = {"prompt": "{text} ? {mask} , {text_pair}", "labels": "no=bad, yes=great|nice"}
    opened = lt.study(pairs(120), model=model, out=tmp_path / "run", quiet=True, max_length=48, budget="10steps", **said, **columns)
    asked = [("the movie was bad", "very nice"), ("the movie was great", "very sad"), ("this book", "a great day")]
    lt.train(opened, "cloze | full(lr=0.01)", tmp_path / "out")
    found, script = lt.load(tmp_path / "out").predict(asked), runpy.run_path(str(tmp_path / "out" / "predict.py"))
    texts, seconds = zip(*asked, strict=True)
    alone = script["predict"](script["load_model"](None), list(texts), list(seconds))
    assert [label for label, _ in alone] == [one.label for one in found]
    assert [score for _, score in alone] == pytest.approx([one.score for one in found], abs=1e-4)

    tokenizer, plain = AutoTokenizer.from_pretrained(model), AutoModelForMaskedLM.from_pretrained(tmp_path / "out").eval()
    for (first, second), one in zip(asked, found, strict=True):
        coded = tokenizer(f"{first} ? [MASK] , {second}", return_tensors="pt")
        with torch.inference_mode():
            likely = plain(**coded).logits[coded["input_ids"] == tokenizer.mask_token_id][0].log_softmax(-1)
        bad, great, nice = (float(likely[tokenizer.convert_tokens_to_ids(word)]) for word in ("bad", "great", "nice"))
        logits = {"no": bad, "yes": (great + nice) / 2}
        assert one.label == max(logits, key=lambda label: logits[label])
        assert one.score == pytest.approx(np.exp(logits[one.label]) / sum(map(np.exp, logits.values())), abs=1e-4)
