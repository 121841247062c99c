"""Questions with answers that are spans, from JSON Lines and SQuAD files through `prepare`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.columns import Columns
from leantune.data.dataset import Dataset, prepare
from leantune.data.golds.spans import references
from leantune.data.unlabelled import read_rows

ROWS = 60
YEARS = 1900
Row = dict[str, Any]


def row(number: int) -> Row:
    context = f"Song {number} came out in {YEARS + number}, and again in {YEARS + number}."
    return {"question": f"When did song {number} come out?", "context": context, "answers": answer(context, str(YEARS + number))}


def answer(context: str, *texts: str) -> dict[str, Any]:
    return {"text": list(texts), "answer_start": [context.index(text) for text in texts]}


NONE: dict[str, Any] = {"text": [], "answer_start": []}


def rows_of(number: int = ROWS, start: int = 0, changes: dict[int, Any] | None = None) -> list[Row]:
    """Rows with other answers for some of them, by their numbers from 1."""
    rows = [row(place) for place in range(start, start + number)]
    for place, found in (changes or {}).items():
        rows[place - 1]["answers"] = found
    return rows


def write(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def squad(path: Path, version: str, rows: Sequence[Row], per_paragraph: int = 3) -> Path:
    """The rows as a file of SQuAD; version 2 says which questions are impossible."""
    paragraphs = []
    for place, one in enumerate(rows):
        pairs = [
            {"text": text, "answer_start": at} for text, at in zip(one["answers"]["text"], one["answers"]["answer_start"], strict=True)
        ]
        asked: Row = {"id": f"q{place}", "question": one["question"], "answers": pairs}
        if version == "v2.0":
            asked |= {"is_impossible": not pairs} | ({} if pairs else {"plausible_answers": [{"text": "Song", "answer_start": 0}]})
        paragraphs.append({"context": one["context"], "qas": [asked]})
    articles = [
        {"title": f"Songs_{place}", "paragraphs": paragraphs[place : place + per_paragraph]} for place in range(0, len(rows), per_paragraph)
    ]
    path.write_text(json.dumps({"version": version, "data": articles}), encoding="utf-8")
    return path


def gold(dataset: Dataset) -> dict[int, list[tuple[int, str]]]:
    """Place and text of the answers of each row of the file."""
    found = {}
    for examples in dataset.splits.values():
        for number, right in zip(examples.rows.tolist(), examples.gold, strict=True):
            found[number] = [(one["start"], one["text"]) for one in right]
    return found


def told(dataset: Dataset, what: str) -> list[str]:
    return [str(note) for note in dataset.inferences if note.what == what]


def failure(source: Path, out: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        prepare(source, out, **options)
    return caught.value


def test_columns_and_task_are_inferred(tmp_path: Path) -> None:
    dataset = prepare(write(tmp_path / "a.jsonl", rows_of()), tmp_path / "out")
    assert told(dataset, "task") == ['task: answering ("answers" holds answers with their places; override with --task TASK)']
    assert (dataset.columns.text, dataset.columns.text_pair, dataset.columns.label) == ("question", "context", "answers")
    assert dataset.labels == ["start", "end"]
    years = {number: str(YEARS + number - 1) for number in range(1, ROWS + 1)}
    assert gold(dataset) == {number: [(row(number - 1)["context"].index(year), year)] for number, year in years.items()}


@pytest.mark.parametrize("version", ["1.1", "v2.0"])
def test_squad_files_are_the_same_rows(version: str, tmp_path: Path) -> None:
    rows = rows_of(changes={} if version == "1.1" else dict.fromkeys((2, 5, 9), NONE))
    lines = prepare(write(tmp_path / "a.jsonl", rows), tmp_path / "lines")
    dataset = prepare(squad(tmp_path / "train.json", version, rows), tmp_path / "squad")
    assert dataset.digest == lines.digest
    assert gold(dataset) == gold(lines)
    assert dataset.task == "answering"
    assert told(dataset, "format") == [f"format: SQuAD {version} (articles with paragraphs and questions)"]
    assert dataset.labels == ["start", "end", *(["no answer"] if version == "v2.0" else [])]
    assert told(dataset, "rows without an answer") == (
        ["rows without an answer: 3 (the model learns to say so)"] if version == "v2.0" else []
    )


def test_plausible_answers_are_no_answers(tmp_path: Path) -> None:
    """Version 2 gives wrong answers of questions without one; also where `answers` is missing."""
    path = squad(tmp_path / "train.json", "v2.0", rows_of(changes={2: NONE}))
    whole = json.loads(path.read_text())
    del whole["data"][0]["paragraphs"][1]["qas"][0]["answers"]
    path.write_text(json.dumps(whole))
    assert gold(prepare(path, tmp_path / "out"))[2] == []


def test_several_references_are_kept_once(tmp_path: Path) -> None:
    context = row(0)["context"]
    three = {"text": ["1900", "in 1900", "1900", "1900"], "answer_start": [19, 16, 19, 38]}
    dataset = prepare(write(tmp_path / "a.jsonl", rows_of(changes={1: three})), tmp_path / "out")
    assert gold(dataset)[1] == [(19, "1900"), (16, "in 1900"), (38, "1900")]
    assert all(context.startswith(text, start) for start, text in gold(dataset)[1])


def test_answers_are_moved_to_the_nearest_place_and_that_is_told(tmp_path: Path) -> None:
    changes = {place: {"text": [str(YEARS + place - 1)], "answer_start": [far]} for place, far in ((1, 18), (4, 33), (7, 500))}
    dataset = prepare(write(tmp_path / "a.jsonl", rows_of(changes=changes)), tmp_path / "out")
    assert [gold(dataset)[place] for place in changes] == [[(19, "1900")], [(38, "1903")], [(38, "1906")]]
    (line,) = told(dataset, "answers moved")
    assert line.startswith("answers moved: a.jsonl row 1, 4, 7 (3 rows; they do not stand at the place given")


def test_answers_without_a_place_are_placed_and_that_is_told(tmp_path: Path) -> None:
    """As in tables with a column of plain answers; some of them read like numbers."""
    rows = [{**one, "answers": one["answers"]["text"][0]} for one in rows_of()]
    dataset = prepare(write(tmp_path / "a.jsonl", rows), tmp_path / "out", task="answering", label="answers")
    assert gold(dataset) == gold(prepare(rows_of(), tmp_path / "whole"))
    (line,) = told(dataset, "answers without a place that stand there several times")
    assert line.startswith(
        "answers without a place that stand there several times: a.jsonl row 1, 2, 3, 4, 5, 6 (54 more) (60 rows; the first place"
    )
    assert not told(dataset, "answers moved")


def test_plain_answers_beside_question_and_text_are_recognised(tmp_path: Path) -> None:
    rows = [
        {"question": f"Who is {row}?", "context": f"Nr{row} is here. {'Anna and Anna.' if row < 2 else 'Anna.'}", "answer": "Anna"}
        for row in range(30)
    ]
    rows[5]["answer"] = "Nr5"
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = prepare(path, tmp_path / "out")
    assert dataset.task == "answering"
    told = "\n".join(map(str, dataset.inferences))
    assert "stand there several times: a.jsonl row 1, 2 (2 rows; the first place" in told
    assert "answers without a place: a.jsonl row 3, 4, 5, 6, 7, 8 (22 more) (28 rows; the only place" in told
    for row in rows[10:20]:
        row["answer"] = "Karl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"10 of 30 rows .33%. lose something, .* answers outside of the text .row 11, 12"):
        prepare(path, tmp_path / "bad")


def test_answers_that_are_no_words_of_the_text_are_labels(tmp_path: Path) -> None:
    rows = [{"question": f"Is it {row}?", "passage": f"It is {row}.", "answer": ["yes", "no"][row % 2]} for row in range(30)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = prepare(path, tmp_path / "out")
    assert (dataset.task, dataset.columns.text_pair) == ("classification", "passage")


def test_a_few_answers_that_stand_nowhere_are_told(tmp_path: Path) -> None:
    lost = {"text": ["never"], "answer_start": [3]}
    dataset = prepare(write(tmp_path / "a.jsonl", rows_of(changes=dict.fromkeys((3, 8, 9), lost))), tmp_path / "out")
    (line,) = told(dataset, "answers outside of the text")
    assert line == "answers outside of the text: a.jsonl row 3, 8, 9 (3 rows; they are not learned from, but still scored)"
    assert gold(dataset)[8] == [(-1, "never")]


def test_many_answers_that_stand_nowhere_are_refused(tmp_path: Path) -> None:
    lost = {"text": ["never"], "answer_start": [3]}
    error = failure(write(tmp_path / "a.jsonl", rows_of(changes=dict.fromkeys((3, 8, 9, 11), lost))), tmp_path / "out")
    assert error.code == "E-LOST"
    assert "4 of 60 rows (7%) lose something, and at most 5% may: answers outside of the text (row 3, 8, 9, 11)." in str(error)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_held_files_need_answers_too(split: str, tmp_path: Path) -> None:
    held = write(tmp_path / "held.jsonl", rows_of(9, ROWS, dict.fromkeys(range(1, 10), NONE)))
    error = failure(write(tmp_path / "a.jsonl", rows_of()), tmp_path / "out", **{split: held})
    assert error.code == "E-LABEL"
    assert str(error).startswith('held.jsonl, column "answers": no row has an answer.')
    assert "leantune predict" in str(error)


def test_rows_without_an_answer_are_counted_in_all_files(tmp_path: Path) -> None:
    held = write(tmp_path / "held.jsonl", rows_of(9, ROWS, {1: NONE, 2: None}))
    dataset = prepare(write(tmp_path / "a.jsonl", rows_of(changes={1: {"text": [""], "answer_start": [0]}})), tmp_path / "out", test=held)
    assert told(dataset, "rows without an answer") == ["rows without an answer: 3 (the model learns to say so)"]
    assert dataset.labels == ["start", "end", "no answer"]
    assert dataset.splits["test"].gold[:2] == [[], []]


WRONG = {
    "as many places as texts": ({"text": ["1900", "in"], "answer_start": [19]}, "2 texts and 1 places. Each answer needs one place."),
    "a text that is none": ({"text": [19], "answer_start": [19]}, "is no answer. Write"),
    "no text": ({"answer_start": [19]}, "is no answer. Write"),
    "a list of numbers": ([1900], "is no answer. Write"),
    "a place that is none": ({"text": ["1900"], "answer_start": ["late"]}, '"late" is no place.'),
    "one place beside two texts": ({"text": ["1900", "in"], "answer_start": 19}, "2 texts and 1 places."),
    "a list as a place": ([{"text": "1900", "answer_start": [19, 20]}], "[19, 20] is no place."),
}


def test_all_wrong_shapes_are_named_with_their_rows(tmp_path: Path) -> None:
    changes = {place: found for place, (found, _) in enumerate(WRONG.values(), 3)}
    error = failure(write(tmp_path / "a.jsonl", rows_of(changes=changes)), tmp_path / "out")
    assert error.code == "E-LABEL"
    assert str(error).startswith(f"a.jsonl: {len(WRONG)} problems")
    for place, (_, says) in enumerate(WRONG.values(), 3):
        (line,) = [line for line in str(error).splitlines() if f'row {place}, column "answers"' in line]
        assert says in line
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('{"text": "1900", "answer_start": 19}', [(19, "1900")]),
        ('{"text": ["1900"], "answer_start": 19}', [(19, "1900")]),
        ('{"text": ["1900"], "start": [0]}', [(0, "1900")]),
        ('{"text": ["1900", "in"]}', [(-1, "1900"), (-1, "in")]),
        ('{"text": ["1900"], "answer_start": [null]}', [(-1, "1900")]),
        ('["1900", "in"]', [(-1, "1900"), (-1, "in")]),
        ('[{"text": "a", "answer_start": 0}, {"text": " "}]', [(0, "a")]),
        ("1900", [(-1, "1900")]),
        ("true", [(-1, "true")]),
        ("the 1920s", [(-1, "the 1920s")]),
        ("[sic]", [(-1, "[sic]")]),
        ("[]", []),
        (" ", []),
    ],
)
def test_ways_to_write_an_answer(cell: str, expected: list[tuple[int, str]]) -> None:
    assert references(cell) == expected


def test_a_question_needs_a_text(tmp_path: Path) -> None:
    rows = [{"text": one["question"], "answers": one["answers"]} for one in rows_of()]
    error = failure(write(tmp_path / "a.jsonl", rows), tmp_path / "out")
    assert (error.code, "--text-pair COL" in str(error)) == ("E-COLUMN", True)


def test_questions_about_one_text_stay_in_one_split(tmp_path: Path) -> None:
    rows = [{**row(number // 3), "question": f"question {number}"} for number in range(300)]
    dataset = prepare(rows, tmp_path)
    seen = [set(examples.pairs or []) for examples in dataset.splits.values()]
    assert all(len(contexts) > 3 for contexts in seen)
    assert len(set.union(*seen)) == sum(map(len, seen)) == 100


BROKEN: dict[str, tuple[str, Any, str]] = {
    "no answers": ("qas", [{"question": "When?"}], "'answers' is missing. Each question needs question and answers"),
    "no question": ("qas", [{"answers": []}], "'question' is missing"),
    "no place": ("qas", [{"question": "When?", "answers": [{"text": "a"}]}], "'answer_start' is missing"),
    "a question that is a text": ("qas", ["When?"], "question 1 is a text, no object"),
    "answers that are a text": ("qas", [{"question": "When?", "answers": "1900"}], "the answers are a text, no list"),
    "an answer that is a text": ("qas", [{"question": "When?", "answers": ["1900"]}], "answer 1 is a text, no object"),
    "answers that are nothing": ("qas", [{"question": "When?", "answers": None}], "the answers are null, no list"),
    "questions that are no list": ("qas", {"question": "When?"}, "the questions are an object, no list"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_squad_file_says_where(name: str, tmp_path: Path) -> None:
    key, value, says = BROKEN[name]
    path = squad(tmp_path / "train.json", "1.1", rows_of())
    whole = json.loads(path.read_text())
    whole["data"][2]["paragraphs"][1][key] = value
    path.write_text(json.dumps(whole))
    error = failure(path, tmp_path / "out")
    assert error.code == "E-FORMAT"
    assert 'article "Songs_6", paragraph 2: ' in str(error)
    assert says in str(error)


def test_a_squad_file_without_context_or_paragraphs(tmp_path: Path) -> None:
    path = squad(tmp_path / "train.json", "1.1", rows_of())
    whole = json.loads(path.read_text())
    del whole["data"][0]["paragraphs"][0]["context"]
    whole["data"][1]["paragraphs"] = None
    whole["data"][2]["paragraphs"][0] = ["a"]
    path.write_text(json.dumps(whole))
    said = str(failure(path, tmp_path / "out"))
    assert 'article "Songs_0", paragraph 1: ' in said
    assert "'context' is missing" in said
    assert 'article "Songs_3": the paragraphs are null, no list' in said
    assert 'article "Songs_6": paragraph 1 is a list, no object' in said


def test_a_squad_file_without_answers_can_be_predicted(tmp_path: Path) -> None:
    """Where no question has any; a single one without is a mistake."""
    path = squad(tmp_path / "new.json", "1.1", rows_of())
    whole = json.loads(path.read_text())
    asked = [one for article in whole["data"] for paragraph in article["paragraphs"] for one in paragraph["qas"]]
    for one in asked[1:]:
        del one["answers"]
    path.write_text(json.dumps(whole))
    assert "'answers' is missing" in str(failure(path, tmp_path / "out"))
    del asked[0]["answers"]
    path.write_text(json.dumps(whole))
    rows = read_rows(path, tmp_path, Columns(text="question", text_pair="context"))
    found = [pair for chunk in rows.chunks() for pair in zip(chunk.texts, chunk.pairs or [], strict=True)]
    assert found == [(row["question"], row["context"]) for row in rows_of()]
    assert "no row has a label. Use this file with `leantune predict`" in str(failure(path, tmp_path / "out"))


def test_a_squad_file_without_questions_has_no_rows(tmp_path: Path) -> None:
    path = squad(tmp_path / "train.json", "1.1", [])
    assert "train.json" in str(failure(path, tmp_path / "out"))
