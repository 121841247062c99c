"""Few rows of each label: drawn by the seed alone, nested, written once."""

from pathlib import Path

import pytest

from leantune.core.errors import SpecError
from leantune.data.dataset import Dataset, prepare
from leantune.data.few_shot import few_shot, refuse_more_than_there_are


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    rows = [{"text": f"text number {number}", "label": "abc"[number % 3 if number < 40 else 0]} for number in range(100)]
    held = [{"text": f"held {number}", "label": "abc"[number % 3]} for number in range(30)]
    return prepare(rows, tmp_path, dev=held[:15], test=held[15:])


def test_each_label_has_as_many_rows_and_the_other_splits_stay(data: Dataset) -> None:
    few = few_shot(data, 4, seed=13)
    assert len(few.splits["train"]) == 12
    assert [few.splits["train"].gold.tolist().count(label) for label in range(3)] == [4, 4, 4]
    assert few.splits["test"].texts[:] == data.splits["test"].texts[:]
    rows = few.splits["train"].rows
    assert few.splits["train"].texts[0] == f"text number {rows[0] - 1}"


def test_a_seed_draws_the_same_rows_and_more_of_them_hold_fewer(data: Dataset) -> None:
    drawn = {count: set(few_shot(data, count, seed=13).splits["train"].rows.tolist()) for count in (2, 4, 8)}
    assert drawn[2] < drawn[4] < drawn[8]
    assert drawn[4] == set(few_shot(data, 4, seed=13).splits["train"].rows.tolist())
    assert drawn[4] != set(few_shot(data, 4, seed=21).splits["train"].rows.tolist())


def test_caches_tell_the_draws_apart(data: Dataset) -> None:
    names = {few_shot(data, count, seed).digest_of("train") for count in (2, 4) for seed in (13, 21)} | {data.digest_of("train")}
    assert len(names) == 5
    assert few_shot(data, 2, 13).digest_of("dev") == data.digest_of("dev")


def test_more_than_there_are_is_refused_with_every_label(data: Dataset) -> None:
    refuse_more_than_there_are(data, 13)
    with pytest.raises(SpecError) as error:
        refuse_more_than_there_are(data, 14)
    assert 'label "b" has 13 training rows. The most for all labels is 13.' in error.value.message
    assert 'label "c" has 13' in error.value.message


def test_rows_without_a_label_of_their_own_cannot_be_drawn(tmp_path: Path) -> None:
    rows = [{"text": f"text {number}", "label": str(number / 7)} for number in range(60)]
    with pytest.raises(SpecError, match="rows of regression have no single one"):
        refuse_more_than_there_are(prepare(rows, tmp_path, task="regression"), 4)
