"""The linear floors: a capped, seeded fit, and predictions block by block that equal those in one piece."""

from __future__ import annotations

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leantune.baselines import _linear, embeddings
from leantune.baselines._linear import rows_to_fit
from leantune.core import catalogue
from leantune.data.dataset import Dataset, prepare
from leantune.kinds.baseline import Floor, Material

ROWS = 9_000
"""More than one chunk of a table."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    source = random.Random(0)
    words = {"ham": ["meat", "bread", "salt"], "spam": ["win", "prize", "now"], "eggs": ["yolk", "shell", "hen"]}
    rows = []
    for number in range(ROWS):
        label = "eggs" if number % 1000 == 999 else source.choice(["ham", "spam"])
        rows.append({"text": f"{' '.join(source.choices(words[label], k=3))} {source.choice(words['ham'])} {number}", "label": label})
    return prepare(rows, tmp_path_factory.mktemp("floors"))


def fit(name: str, dataset: Dataset) -> Floor:
    def embed(split: str) -> np.ndarray:
        return np.random.default_rng(dataset.splits[split].rows[:1]).normal(size=(len(dataset.splits[split]), 8)).astype(np.float32) + (
            dataset.splits[split].gold[:, None].astype(np.float32)
        )

    floor: Floor = catalogue.load("baselines", name).fit(Material(dataset.splits, "label", len(dataset.labels), embed, 0))
    return floor


def test_small_files_are_fitted_whole_and_long_ones_on_a_sample_with_every_label(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.array([0] * 500 + [1] * 499 + [2], np.int32)

    def drawn(seed: int) -> np.ndarray:
        return rows_to_fit(Material({"train": SimpleNamespace(gold=labels)}, "label", 3, lambda split: np.zeros(0), seed))  # type: ignore[dict-item]

    assert drawn(0).tolist() == list(range(1000))
    monkeypatch.setattr(_linear, "MOST_FITTED", 50)
    rows = drawn(0)
    assert 45 <= len(rows) <= 50
    assert np.array_equal(rows, np.unique(rows))
    assert set(labels[rows]) == {0, 1, 2}
    assert np.array_equal(rows, drawn(0))
    assert not np.array_equal(rows, drawn(1))


@pytest.mark.parametrize("name", ["tfidf", "embeddings"])
def test_a_capped_fit_sees_few_rows_and_still_predicts_all(name: str, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_linear, "MOST_FITTED", 200)
    seen: list[int] = []
    real = _linear.LogisticRegression.fit
    monkeypatch.setattr(
        _linear.LogisticRegression, "fit", lambda self, features, labels: seen.append(len(labels)) or real(self, features, labels)
    )
    decoded = fit(name, dataset).predict("test")
    assert max(seen) in range(190, 201)
    assert len(decoded.predicted) == len(decoded.confidence) == len(dataset.splits["test"])
    assert (decoded.predicted == dataset.splits["test"].gold).mean() > 0.7


def test_a_sample_keeps_texts_and_labels_together(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words decide these labels, so a shifted row would cost accuracy; the sample reaches over several chunks."""
    monkeypatch.setattr(_linear, "MOST_FITTED", 2_000)
    decoded = fit("tfidf", dataset).predict("train")
    assert (decoded.predicted == dataset.splits["train"].gold).mean() > 0.99


def test_embeddings_do_not_depend_on_the_block(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit("embeddings", dataset).predict("dev")
    monkeypatch.setattr(embeddings, "BLOCK", 7)
    pieces = fit("embeddings", dataset).predict("dev")
    assert np.array_equal(whole.predicted, pieces.predicted)
    assert whole.confidence == pytest.approx(pieces.confidence, abs=1e-6)


def test_tfidf_holds_one_chunk_of_texts_while_it_predicts(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    floor, longest = fit("tfidf", dataset), []
    real = _linear.LogisticRegression.predict_proba
    monkeypatch.setattr(
        _linear.LogisticRegression, "predict_proba", lambda self, features: longest.append(features.shape[0]) or real(self, features)
    )
    floor.predict("train")
    assert len(longest) > 1
    assert sum(longest) == len(dataset.splits["train"]) > max(longest)


def test_pairs_are_read_as_one_text(tmp_path: Path) -> None:
    rows = [{"text": "what is it", "text_pair": f"{('meat', 'prize')[i % 2]} {i}", "label": ("ham", "spam")[i % 2]} for i in range(200)]
    pairs = prepare(rows, tmp_path)
    assert fit("tfidf", pairs).predict("test").predicted.tolist() == pairs.splits["test"].gold.tolist()


def test_floors_choose_among_the_options_of_each_row(tmp_path: Path) -> None:
    """The right option shares a word with the text; it stands last of three more often than first."""
    rows = []
    for number in range(60):
        right, place = f"thing {number}", 0 if number % 5 == 0 else 2
        options = [f"matter {number} {other}" for other in "ab"]
        rows.append({"text": f"which is it {number} thing", "choices": [*options[:place], right, *options[place:]], "label": place})
    dataset = prepare([*rows, *({**row, "text": f"{row['text']}s", "choices": row["choices"][:2]} for row in rows[::5])], tmp_path)
    material = Material(dataset.splits, "choice", 1, lambda split: np.zeros(0), 0)
    closest = catalogue.load("baselines", "retrieval").fit(material).predict("train")
    assert [row["text"] for row in closest.predicted] == [row["text"] for row in dataset.splits["train"].gold]
    assert closest.confidence.tolist() == pytest.approx([max(row["scores"]) for row in closest.predicted])
    commonest = catalogue.load("baselines", "majority").fit(material).predict("train")
    given = [json.loads(pair) for pair in dataset.splits["train"].pairs or []]
    assert {len(options) for options in given} == {2, 3}
    expected = [options[2 if len(options) == 3 else 0] for options in given]
    assert [row["text"] for row in commonest.predicted] == expected
    assert [len(row["scores"]) for row in commonest.predicted] == [len(options) for options in given]


def test_of_frozen_embeddings_the_most_similar_option_is_chosen(tmp_path: Path) -> None:
    """States of two numbers: the letter a text begins with, and its length, which no cosine of these sees."""
    rows = [{"text": f"{'ab'[n % 2]} {n}", "choices": [f"a {n}", f"b {n} b"], "label": n % 2} for n in range(90)]
    dataset, read = prepare(rows, tmp_path), list[str]()

    def encode(texts: list[str]) -> Any:
        read.extend(texts)
        return np.array([[float(text[0] == "a"), float(text[0] == "b")] for text in texts], np.float32) * 5

    floor = catalogue.load("baselines", "similarity").fit(Material(dataset.splits, "choice", 1, lambda split: np.zeros(0), 0, encode))
    found = floor.predict("test")
    assert [row["text"] for row in found.predicted] == [row["text"] for row in dataset.splits["test"].gold]
    assert [sorted(row["scores"]) for row in found.predicted] == [[0.5, 1.0]] * len(found.predicted)
    assert floor.parameters == floor.saved_bytes == 0
    assert len(read) == len(set(read)), "no text is read twice"
