"""Pairs of texts from a file to an artifact: the second text alone tells the label."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

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
