"""CoNLL files: rows of words and tags, whatever stands between the columns; broken lines are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leantune.cli import check
from leantune.cli.main import build
from leantune.core.errors import DataError
from leantune.data.dataset import Dataset, prepare
from leantune.data.lengths import Ruler
from leantune.data.pieces._pieces import Room

PARTS = [
    [("EU", "NNP", "B-NP", "B-ORG"), ("rejects", "VBZ", "B-VP", "O"), ("3.5", "CD", "B-NP", "O")],
    [("Peter", "NNP", "B-NP", "B-PER"), ("Blackburn", "NNP", "I-NP", "I-PER")],
    [("1996-08-22", "CD", "I-NP", "O"), ("#", "SYM", "O", "O"), ("2-1", "CD", "I-NP", "O")],
]
DOCUMENTS = 20


def sentences() -> list[list[tuple[str, ...]]]:
    """All different, so that none is a double."""
    return [[*part, (f"w{number}", "NN", "I-NP", "O")] for number in range(DOCUMENTS) for part in PARTS]


def text_of(between: str, columns: tuple[int, ...], end: str = "\n") -> str:
    """Each three sentences are a document; only the first column and the named ones are written."""
    lines = []
    for number, sentence in enumerate(sentences()):
        if number % 3 == 0:
            lines += [between.join(["-DOCSTART-", *["-X-"] * len(columns)]), ""]
        lines += [between.join([row[0], *(row[column] for column in columns)]) for row in sentence] + [""]
    return end.join(lines)


def read(dataset: Dataset) -> dict[int, tuple[list[str], list[str]]]:
    """Words and tags of each sentence, by its number from 1."""
    found = {}
    for examples in dataset.splits.values():
        for row, words, tags in zip(examples.rows.tolist(), examples.words or [], examples.gold, strict=True):
            found[row] = (words, [dataset.labels[tag] for tag in tags])
    return found


EXPECTED = {number: ([row[0] for row in rows], [row[-1] for row in rows]) for number, rows in enumerate(sentences(), 1)}


def prepared(tmp_path: Path, content: str, name: str = "a.conll", **options: Any) -> Dataset:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return prepare(path, tmp_path / "out", **options)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("between", [" ", "\t"])
@pytest.mark.parametrize("columns", [(3,), (1, 2, 3)])
def test_words_and_tags(columns: tuple[int, ...], between: str, end: str, tmp_path: Path) -> None:
    """Also words that look like ranges or comments of CoNLL-U."""
    dataset = prepared(tmp_path, text_of(between, columns, end))
    assert dataset.task == "tagging"
    assert read(dataset) == EXPECTED


def test_further_columns_keep_their_place(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, text_of("\t", (1, 2, 3)), label="tags_2", text="tokens", task="tagging")
    assert read(dataset)[1] == (["EU", "rejects", "3.5", "w0"], ["NNP", "VBZ", "CD", "NN"])


def universal(number: int) -> str:
    """A sentence of CoNLL-U with a word of two tokens and an empty node."""
    rows = [
        ("1-2", f"vámonos{number}", "_"),
        ("1", "vamos", "VERB"),
        ("2", "nos", "PRON"),
        ("2.1", "empty", "NOUN"),
        ("3", "#", "SYM"),
        ("4", f"mar {number}", "NOUN"),
    ]
    lines = ["\t".join([place, word, word, tag, *["_"] * 6]) for place, word, tag in rows]
    return "\n".join(["# newdoc", f"# text = vámonos{number} a b c d e f g", *lines, "", ""])


@pytest.mark.parametrize("name", ["a.conllu", "a.conll"])
def test_universal_columns(name: str, tmp_path: Path) -> None:
    dataset = prepared(tmp_path, "".join(universal(number) for number in range(60)), name)
    assert dataset.labels == ["NOUN", "PRON", "SYM", "VERB"]
    assert read(dataset) == {number + 1: (["vamos", "nos", "#", f"mar {number}"], ["VERB", "PRON", "SYM", "NOUN"]) for number in range(60)}
    notes = [str(note) for note in dataset.inferences]
    assert "CoNLL columns: 10 (CoNLL-U: FORM and UPOS)" in notes


@pytest.mark.parametrize("first", [0, 1])
def test_a_sentence_may_begin_with_a_lone_hash(first: int, tmp_path: Path) -> None:
    """Between spaces too, where comments begin so; comments stay comments."""
    lines = [f"# id {number} O = 1\n# O\n{number} B-NUM\n" for number in range(60)]
    lines[0] = lines[0][first * len("# id 0 O = 1\n") :]
    assert read(prepared(tmp_path, "\n".join(lines))) == {number + 1: (["#", str(number)], ["O", "B-NUM"]) for number in range(60)}


def failure(tmp_path: Path, text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, text)
    return caught.value


def test_lines_with_another_number_of_columns_are_named(tmp_path: Path) -> None:
    lines = text_of(" ", (3,)).split("\n")
    lines[3] += " O"
    lines[7] = "Peter"
    error = failure(tmp_path, "\n".join(lines))
    assert error.code == "E-FORMAT"
    assert "2 problems" in str(error)
    assert "line 4: 3 columns, the lines before have 2." in str(error)
    assert "line 8: 1 columns, the lines before have 2." in str(error)


def test_one_column_is_refused(tmp_path: Path) -> None:
    error = failure(tmp_path, "EU\nrejects\n\nPeter\n")
    assert (error.code, "line 1: one column. A word and its tag are needed" in str(error)) == ("E-FORMAT", True)


@pytest.mark.parametrize("text", ["", "\n \n\n", "-DOCSTART- -X- O\n\n", "# a comment only\n"])
def test_an_empty_file_is_refused(text: str, tmp_path: Path) -> None:
    error = failure(tmp_path, text)
    assert "a.conll" in str(error)
    assert "empty" in str(error)


def test_check_reads_such_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def counting(model: str, max_length: int | None, max_target_length: int | None, long: str) -> check.Counting:
        ruler = Ruler(lambda texts, pairs: [len(text.split()) for text in texts], Room(max_length or 16, max_target_length or 0))
        return check.Counting(lambda dataset: ruler, model)

    monkeypatch.setattr(check, "_counting", counting)
    path = tmp_path / "a.conll"
    path.write_text(text_of(" ", (1, 2, 3)))
    done = CliRunner().invoke(build(), ["check", str(path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].startswith("a.conll: 60 rows")
    assert "tagging" in done.output.splitlines()[0]
    assert "CoNLL columns: 4 (words in the first column, tags in the last)" in done.output
