"""Students of a teacher: the loss by hand, and rows of two splits one behind the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from leantune.core import catalogue
from leantune.data.unlabelled_rows import keep_unlabelled
from leantune.execution.context import TAUGHT, Context
from leantune.execution.objective import Distilled
from leantune.kinds.teacher import Extra, Lesson

LOGITS = torch.tensor([[2.0, 0.0], [0.5, 1.0], [0.0, 3.0]])
SOFT = np.array([[0.3, 0.7]], dtype=np.float32)


def feed(pieces: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    return LOGITS[pieces], torch.tensor([0, 1, -1])[pieces]


@pytest.mark.parametrize("pieces", [[0, 1, 2], [2], [0], [2, 0]])
def test_each_row_has_the_same_weight_by_its_label_or_by_its_soft_target(pieces: list[int]) -> None:
    taught = Distilled(catalogue.load("tasks", "classification"), feed, lambda one: one, SOFT, 2.0, labelled=2)
    by_hand = []
    for piece in pieces:
        if piece < 2:
            by_hand.append(-LOGITS[piece].log_softmax(dim=-1)[piece])
        else:
            soft = torch.tensor([0.3, 0.7])
            by_hand.append(4 * (soft * (soft.log() - (LOGITS[2] / 2).log_softmax(dim=-1))).sum())
    torch.testing.assert_close(taught(np.array(pieces)), torch.stack(by_hand).mean())


@pytest.fixture
def student(context: Context) -> Context:
    kept = keep_unlabelled(context.dataset, [{"text": f"a {word} card"} for word in ("great", "sad", "nice and happy")])
    soft = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], dtype=np.float32)
    return replace(context, unlabelled=kept.digest, lesson=Lesson(soft, 2.0, []))


def test_unlabelled_rows_stand_behind_the_labelled_ones(student: Context) -> None:
    train, others, both = (student.encoded(split) for split in ("train", "unlabelled", TAUGHT))
    assert len(both) == len(train) + 3
    last, piece = both.padded([len(train) + 2], student.pad), others.padded([2], student.pad)
    np.testing.assert_array_equal(last.ids, piece.ids)
    assert last.rows.tolist() == [len(train) + 2]
    np.testing.assert_array_equal(both.padded([1], student.pad).ids, train.padded([1], student.pad).ids)
    assert student.gold[TAUGHT][-3:].tolist() == [0, 1, 0]
    assert student.gold[TAUGHT][:-3].tolist() == list(student.gold["train"])


def test_rows_that_others_labelled_are_trained_on_like_labelled_ones(student: Context) -> None:
    plain = replace(student, lesson=None)
    larger = replace(plain, extra=Extra((2, 0, 2), (1, 0, 1)))
    train, others, both = plain.encoded("train"), plain.encoded("unlabelled"), larger.encoded("train")
    assert len(both) == len(train) + 3
    for place, row in enumerate((2, 0, 2)):
        np.testing.assert_array_equal(both.padded([len(train) + place], 0).ids, others.padded([row], 0).ids)
    assert larger.gold["train"].tolist() == [*plain.gold["train"], 1, 0, 1]
    states = larger.features("train", larger.embedder, "mean")
    own, pool = (plain.features(split, plain.embedder, "mean") for split in ("train", "unlabelled"))
    np.testing.assert_array_equal(states.states, np.concatenate([own.states, pool.states[[2, 0, 2]]]))
    assert states.seconds == own.seconds  # the pool is charged once, for all views


def test_stored_states_are_read_once_and_paid_once(student: Context) -> None:
    found = student.features(TAUGHT, student.embedder, "mean")
    parts = [student.features(split, student.embedder, "mean") for split in ("train", "unlabelled")]
    np.testing.assert_array_equal(found.states, np.concatenate([part.states for part in parts]))
    assert found.seconds == sum(part.seconds for part in parts)
    assert student.lesson is not None
    paid = replace(student, lesson=replace(student.lesson, read=frozenset({"mean"})))
    assert paid.features(TAUGHT, student.embedder, "mean").seconds == parts[0].seconds
