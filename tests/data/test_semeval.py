"""Files of SemEval-2010 task 8: recognised by their content, with and without relations; what is wrong is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from leantune.core.errors import DataError
from leantune.data.columns import Columns
from leantune.data.dataset import Dataset, prepare
from leantune.data.unlabelled import read_rows

NAMES = ["Cause-Effect(e2,e1)", "Other", "Cause-Effect(e1,e2)"]


def sentence(number: int) -> str:
    return f'The "<e1>fire</e1>" {number} was caused by <e2>lightning</e2>.'


def block(number: int, label: str) -> str:
    return f'{number}\t"{sentence(number)}"\n{label}\nComment: {"so it is" if number == 3 else ""}\n\n'


def blocks(end: str = "\n") -> str:
    return "".join(block(number, NAMES[number % 3]) for number in range(1, 61)).replace("\n", end)


def prepared(folder: Path, content: str, name: str = "TRAIN_FILE.TXT") -> Dataset:
    path = folder / name
    path.write_bytes(content.encode())
    return prepare(path, folder / "out")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_sentences_and_relations(end: str, tmp_path: Path) -> None:
    dataset = prepared(tmp_path, blocks(end))
    assert dataset.task == "relation"
    found = {
        row: (text, dataset.labels[gold])
        for examples in dataset.splits.values()
        for row, text, gold in zip(examples.rows.tolist(), examples.texts, examples.gold, strict=True)
    }
    assert found == {number: (sentence(number), NAMES[number % 3]) for number in range(1, 61)}
    assert "format: SemEval-2010 task 8 (TRAIN_FILE.TXT starts with a numbered sentence with marks)" in map(str, dataset.inferences)
    comments = [cell for batch in dataset.source_table("train").batches(["comment"]) for cell in batch.column(0).to_pylist()]
    assert comments[:4] == ["", "", "so it is", ""]


@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_sentences_alone_can_be_predicted(between: str, tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_text(between.join(f'{number}\t"{sentence(number)}"' for number in range(8001, 8004)))
    rows = read_rows(path, tmp_path, Columns(text="text"))
    assert [text for chunk in rows.chunks() for text in chunk.texts] == [sentence(number) for number in range(8001, 8004)]


def test_a_relation_with_one_row_stays_in_train_beside_a_test_file(tmp_path: Path) -> None:
    """The published training file has such a relation."""
    (tmp_path / "test.txt").write_text("".join(block(number, NAMES[number % 3]) for number in range(100, 130)))
    (tmp_path / "train.txt").write_text(blocks() + block(61, "Entity-Origin(e2,e1)"))
    dataset = prepare(tmp_path / "train.txt", tmp_path / "out", test=tmp_path / "test.txt")
    assert 61 in dataset.splits["train"].rows


def failure(folder: Path, content: str) -> str:
    with pytest.raises(DataError) as caught:
        prepared(folder, content)
    return str(caught.value)


def test_what_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    lines = blocks().split("\n")
    lines[4] = "2 no quotes"
    lines[8] = lines[8].rstrip('"')
    lines[14] = "Other"
    lines[21] = "Cause Effect"
    error = failure(tmp_path, "\n".join(lines))
    assert "4 problems" in error
    for line in (5, 9):
        assert f"line {line}: no numbered sentence. Write its number, a tab" in error
    assert "line 15: a second relation of sentence 4. Keep one." in error
    assert 'line 22: "Cause Effect" is no relation' in error


def test_a_missing_relation_is_told_with_its_row(tmp_path: Path) -> None:
    assert "row 2" in failure(tmp_path, blocks().replace(NAMES[2] + "\n", "", 1))


@pytest.mark.parametrize("text", ["one line of text\n", "1\tno marks\n", "1. a list\n"])
def test_other_text_has_no_labels(text: str, tmp_path: Path) -> None:
    error = failure(tmp_path, text)
    assert 'TRAIN_FILE.TXT: the only column is "text", and a label is needed' in error
    assert "E-COLUMN" in error
