"""Ranking and relations through `prepare`: relevance in all its spellings, groups in one split, marked texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.dataset import Dataset, prepare
from leantune.data.golds.relevance import MOST, relevance

QUESTIONS = 40
Row = dict[str, Any]


def rows_of(words: tuple[Any, ...] = (0, 1, 0), questions: int = QUESTIONS) -> list[Row]:
    """One row for each question and each of the words."""
    return [
        {"question": f"question number {number}", "answer": f"it is {place} of {number}", "label": word}
        for number in range(questions)
        for place, word in enumerate(words)
    ]


def ranking(rows: list[Row], folder: Path, **options: Any) -> Dataset:
    return prepare(rows, folder, task="ranking", **options)


def failure(rows: list[Row], folder: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        prepare(rows, folder, **options)
    return str(caught.value)


def grades(dataset: Dataset) -> dict[int, int]:
    return {
        row: grade for examples in dataset.splits.values() for row, (_, grade) in zip(examples.rows.tolist(), examples.gold, strict=True)
    }


def told(dataset: Dataset, what: str) -> list[str]:
    return [str(note) for note in dataset.inferences if note.what == what]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("not_answer", "answer", "not answer"), [0, 1, 0]),
        ((0, 1, 0), [0, 1, 0]),
        (("no", "Yes", "NO"), [0, 1, 0]),
        ((0, 3, 1), [0, 3, 1]),
        (("irrelevant", "relevant", "not-relevant"), [0, 1, 0]),
        ((False, True, False), [0, 1, 0]),
        ((0.0, 2.0, 1.0), [0, 2, 1]),
    ],
)
def test_relevance_is_read(words: tuple[Any, ...], expected: list[int], tmp_path: Path) -> None:
    dataset = ranking(rows_of(words), tmp_path)
    found = grades(dataset)
    assert [found[row] for row in range(1, 3 * QUESTIONS + 1)] == expected * QUESTIONS
    assert (dataset.columns.text, dataset.columns.text_pair) == ("question", "answer")
    assert dataset.labels == ["label"]
    assert told(dataset, "groups") == ['groups: 40 (rows with the same "question" are ranked together)']
    assert told(dataset, "task") == ["task: ranking (as you asked; override with --task TASK)"]


@pytest.mark.parametrize("text", ["maybe", "-1", "0.5", "nan", "inf", "1e400", "-inf", str(MOST + 1), "", None, "not", "not no", "1_0"])
def test_what_is_no_relevance(text: str | None) -> None:
    assert relevance(text) is None


def test_nonsense_is_refused_with_its_rows(tmp_path: Path) -> None:
    rows = rows_of()
    for row, word in ((3, "maybe"), (7, 0.5), (8, None), (110, "inf")):
        rows[row - 1]["label"] = word
    error = failure(rows, tmp_path, task="ranking")
    assert "4 problems" in error
    for line in ('row 3, column "label": "maybe" is no relevance. Write 0 or 1', 'row 7, column "label": "0.5"', "row 8", "row 110"):
        assert line in error


def test_held_rows_are_checked_too(tmp_path: Path) -> None:
    held = [{"question": f"new {number}", "answer": "it is", "label": ("1", "nearly")[number == 4]} for number in range(9)]
    assert 'row 5, column "label": "nearly" is no relevance' in failure(rows_of(), tmp_path, task="ranking", test=held)


def test_one_grade_for_all_rows_is_nothing_to_learn(tmp_path: Path) -> None:
    assert "every row is equally relevant" in failure(rows_of((0, 0)), tmp_path, task="ranking")


def test_ranking_needs_two_texts(tmp_path: Path) -> None:
    rows = [{"text": f"{row['question']} {row['answer']}", "label": row["label"]} for row in rows_of()]
    assert "ranking needs two texts" in failure(rows, tmp_path, task="ranking")


@pytest.mark.parametrize(("candidates", "questions"), [(3, 100), (12, 60), (30, 40)])
def test_groups_stay_in_one_split(candidates: int, questions: int, tmp_path: Path) -> None:
    """However many candidates a question has: half a group is no group."""
    dataset = ranking(rows_of((1, *[0] * (candidates - 1)), questions), tmp_path)
    split_of: dict[int, set[str]] = {}
    for split, examples in dataset.splits.items():
        assert len(examples) > 0
        for group, _ in examples.gold:
            split_of.setdefault(group, set()).add(split)
    assert len(split_of) == questions
    assert all(len(splits) == 1 for splits in split_of.values())


def marked(number: int) -> str:
    return f"The <e1>fire</e1> {number} was caused by <e2>lightning</e2>."


def relations(number: int = 60) -> list[Row]:
    names = ["Cause-Effect(e2,e1)", "Other", "Cause-Effect(e1,e2)"]
    return [{"text": marked(row), "label": names[row % 3]} for row in range(number)]


def test_relations_are_recognised_by_their_marks(tmp_path: Path) -> None:
    rows = relations()
    rows[4]["text"] = "Its <e2>cause</e2>\nwas the <e1>storm</e1>, it <e3>seems</e3>."
    dataset = prepare(rows, tmp_path)
    assert told(dataset, "task") == ["task: relation (texts have the marks of its things; override with --task TASK)"]
    assert dataset.labels == ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other"]
    assert any("<e2>cause</e2>" in text for examples in dataset.splits.values() for text in examples.texts)


UNMARKED = ["no marks", "<e1>one</e1> only", "<e1>an open <e2>mark</e2>", "<E1>big</E1> <E2>letters</E2>", ""]


def test_a_text_without_marks_is_refused_with_its_row(tmp_path: Path) -> None:
    rows = relations()
    for place, text in enumerate(UNMARKED, 10):
        rows[place]["text"] = text
    error = failure(rows, tmp_path, task="relation")
    assert "5 problems" in error
    for place in range(10, 15):
        assert f'row {place + 1}, column "text": the marks of the two things are missing. Write <e1>...</e1>' in error


def test_an_unmarked_held_row_is_refused_too(tmp_path: Path) -> None:
    held = [{"text": marked(row), "label": "Other"} for row in range(100, 105)] + [{"text": "no marks", "label": "Other"}]
    assert 'row 6, column "text": the marks' in failure(relations(), tmp_path, test=held)


def test_one_text_without_marks_does_not_make_another_task(tmp_path: Path) -> None:
    rows = relations()
    rows[59]["text"] = "no marks"
    assert 'row 60, column "text": the marks of the two things are missing' in failure(rows, tmp_path)


def test_texts_with_few_marks_are_labelled_as_before(tmp_path: Path) -> None:
    rows = relations()
    for row in rows[25:]:
        row["text"] = f"no marks {row['text'][9:24]}"
    assert prepare(rows, tmp_path).task == "classification"
