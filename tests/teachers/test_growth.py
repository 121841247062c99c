"""Which rows a view of a later generation learns from, by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from leantune.kinds.teacher import Extra, Opinion
from leantune.teachers._generations import Growth, others, told
from leantune.teachers.consensus import Consensus


def pool(positive: int, negative: int) -> NDArray[np.float64]:
    """(rows, 2) log-probabilities: the first rows are of label 1 with 0.6 to 0.9, the others of label 0."""
    sure = np.linspace(0.6, 0.9, max(positive, negative))
    return np.log(
        np.concatenate([np.stack([1 - sure[:positive], sure[:positive]], 1), np.stack([sure[:negative], 1 - sure[:negative]], 1)])
    )


def growth(*labelled: int) -> Growth:
    return Growth(np.array(labelled), 5.0, 13)


def drawn(by: Growth, likely: NDArray[np.float64], generation: int = 2, view: int = 0) -> Extra:
    return by.extra(likely, generation, by.random(generation, view))


def test_sets_grow_by_the_factor_with_the_labelled_rows_among_them() -> None:
    assert growth(2, 4).wanted(2).tolist() == [8, 16]
    assert growth(2, 4).wanted(3).tolist() == [48, 96]
    assert growth(0, 0).wanted(2).tolist() == [10, 10]
    assert growth(0, 0).wanted(3).tolist() == [50, 50]


def test_rows_have_their_likeliest_label_in_the_ratio_of_the_labelled_ones_and_none_twice() -> None:
    likely = pool(40, 40)
    extra = drawn(growth(2, 4), likely)
    assert np.bincount(extra.answers).tolist() == [8, 16]
    assert len(set(extra.rows)) == 24
    assert likely[list(extra.rows)].argmax(axis=1).tolist() == list(extra.answers)


def test_likely_rows_are_drawn_sooner() -> None:
    likely = np.log(np.array([[0.99, 0.01]] * 10 + [[0.51, 0.49]] * 10 + [[0.0001, 0.9999]] * 20))
    by = growth(1, 1)
    found = np.concatenate([drawn(by, likely, view=view).rows for view in range(300)])
    assert np.sum(found < 10) > 1.3 * np.sum((found >= 10) & (found < 20))


def test_a_label_that_too_few_rows_get_stands_several_times_so_that_the_balance_stays() -> None:
    extra = drawn(growth(4, 4), pool(40, 3))
    assert np.bincount(extra.answers).tolist() == [16, 16]
    assert {row for row, label in zip(extra.rows, extra.answers, strict=True) if label == 0} == {40, 41, 42}


def test_a_small_pool_gives_fewer_of_all() -> None:
    assert np.bincount(drawn(growth(2, 4), pool(8, 3)).answers).tolist() == [4, 8]


def test_a_label_of_no_row_takes_those_where_it_is_least_unlikely() -> None:
    extra = drawn(growth(4, 4), pool(8, 0))
    assert np.bincount(extra.answers).tolist() == [8, 8]
    assert {row for row, label in zip(extra.rows, extra.answers, strict=True) if label == 0} == {0, 1, 2, 3}


def test_without_labelled_rows_the_likeliest_of_each_label_start() -> None:
    likely = pool(40, 0)  # every row is likelier of label 1
    extra = drawn(growth(0, 0), likely)
    assert np.bincount(extra.answers).tolist() == [10, 10]
    assert set(extra.rows[:10]) <= set(range(20))  # the half where label 0 is least unlikely
    assert set(extra.rows[10:]) <= set(range(20, 40))


def test_draws_are_those_of_seed_generation_and_view() -> None:
    by, likely = growth(2, 2), pool(40, 40)
    assert drawn(by, likely) == drawn(by, likely)
    assert len({drawn(by, likely, *key).rows for key in ((2, 0), (2, 1), (3, 0))}) == 3
    assert drawn(Growth(by.labelled, 5.0, 21), likely) != drawn(by, likely)


@pytest.mark.parametrize(("views", "asked"), [(2, 1), (4, 1), (9, 2), (17, 4)])
def test_a_quarter_of_the_other_views_labels_the_rows_of_each(views: int, asked: int) -> None:
    names = [f"view {number}" for number in range(views)]
    for seed in range(5):
        found = others(names, "view 1", np.random.default_rng(seed))
        assert len(set(found)) == asked
        assert 1 not in found
    assert others(["other", "names"], "view 1", np.random.default_rng(0))


def test_what_is_told_of_a_generation() -> None:
    wanted = np.array([16, 16])
    whole, less = Extra((1, 2), (0, 1)), Extra((1, 1, 2), (0, 0, 1))
    assert told(2, [Extra(tuple(range(32)), (0, 1) * 16)], wanted, "all agree").startswith("generation 2: 32 rows added")
    line = told(3, [whole, less, Extra((1,), (0,))], wanted, "all 3 views agree on 50.0 %")
    assert line.startswith("generation 3: 1 to 3 rows of 32 wanted (the pool has no more) added")
    assert line.endswith("all 3 views agree on 50.0 % before; up to 1 of them are repeats, of labels that too few rows get")


class Kept:
    """A school whose views say the same whatever they learn, and that keeps what they were given."""

    labelled = np.array([1, 1])
    seed = 13
    later = ("one", "two", "three")

    def __init__(self) -> None:
        self.given: list[Sequence[Extra]] = []

    def opinions(self, extras: Sequence[Extra] = ()) -> list[Opinion]:
        self.given.append(extras)
        # "one" has the labels of the others turned round
        turned = {"one": pool(30, 30)[:, ::-1], "two": pool(30, 30), "three": pool(30, 30)}
        return [Opinion(name, likely.astype(np.float32), 1.0) for name, likely in turned.items()]


def test_views_are_asked_again_in_each_generation_and_never_label_for_themselves() -> None:
    school = Kept()
    lesson = Consensus(generations=3, growth=2.0).teach(school)
    assert [len(extras) for extras in school.given] == [0, 3, 3]
    assert [len(extra.rows) for extra in school.given[1]] == [2, 2, 2]
    assert [len(extra.rows) for extra in school.given[2]] == [6, 6, 6]
    rows, labels = school.given[2][0].rows, school.given[2][0].answers
    assert pool(30, 30)[list(rows)].argmax(axis=1).tolist() == list(labels)  # "two" or "three" labelled for "one"
    assert [note.split(":")[0] for note in lesson.notes] == ["generation 2", "generation 3", "views of the consensus", lesson.notes[3]]


def test_one_generation_is_pet() -> None:
    school = Kept()
    lesson = Consensus().teach(school)
    assert school.given == [()]
    assert len(lesson.notes) == 2
