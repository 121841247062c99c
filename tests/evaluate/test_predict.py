"""Prediction in batches of like length: what comes back stands in the order of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from leantune.core import catalogue
from leantune.data.encoding import encode_rows
from leantune.data.examples import ExampleChunk
from leantune.evaluate.predict import predict
from leantune.kinds.task import Answers, Decoded, in_order
from leantune.models.base import open_base
from leantune.models.build import build_network
from leantune.models.heads import HeadSpec

PLACES = [np.array([4, 1]), np.array([0, 5, 3]), np.array([2])]


def batches(answer: Callable[[int], object], *, arrays: bool) -> list[Decoded]:
    made = []
    for rows in PLACES:
        answers: Answers = [answer(row) for row in rows.tolist()]
        made.append(Decoded(np.array(answers) if arrays else answers, rows.astype(np.float32) / 10))
    return made


def test_shuffled_batches_of_numbers_come_back_in_file_order() -> None:
    found = in_order(np.concatenate(PLACES), batches(lambda row: 7 * row, arrays=True))
    assert isinstance(found.predicted, np.ndarray)
    assert found.predicted.tolist() == [0, 7, 14, 21, 28, 35]
    assert found.confidence == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize("answer", [lambda row: f"text {row}", lambda row: [1] * row])
def test_shuffled_batches_of_texts_and_lists_come_back_in_file_order(answer: Callable[[int], object]) -> None:
    found = in_order(np.concatenate(PLACES), batches(answer, arrays=False))
    assert found.predicted == [answer(row) for row in range(6)]
    assert found.confidence == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_no_rows_give_no_predictions() -> None:
    found = in_order(np.zeros(0, dtype=np.int64), [])
    assert len(found.predicted) == len(found.confidence) == 0


def test_a_network_predicts_many_rows_as_it_predicts_each_alone(tiny: Callable[[str], Path]) -> None:
    base, task = open_base(str(tiny("bert"))), catalogue.load("tasks", "classification")
    network = build_network(base, HeadSpec("sequence", ["bad", "good"], 2), seed=1)
    texts = ["great", "the movie was so very bad and sad", "no", "my card was lost and we never found it", "what a day"]
    options = {"pad": int(base.tokenizer.pad_token_id or 0), "types": True, "device": torch.device("cpu")}
    together = predict(network.train(), encode_rows(base.tokenizer, ExampleChunk(texts), 64), task, **options)
    alone = [predict(network, encode_rows(base.tokenizer, ExampleChunk([text]), 64), task, **options) for text in texts]
    assert list(together.predicted) == [int(one.predicted[0]) for one in alone]
    assert together.confidence == pytest.approx([float(one.confidence[0]) for one in alone], abs=1e-5)
    assert len(set(together.confidence.tolist())) == len(texts)
