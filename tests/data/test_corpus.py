"""All texts of some files: those of the columns with texts, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.corpus import read_corpus

TALK = [{"role": "user", "content": "Where is my card?"}, {"role": "assistant", "content": "In the post of today."}]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_files_of_any_kind(tmp_path: Path) -> None:
    rows = [{"id": row, "source": f"a dog of row {row}", "references": ["ein Hund der Zeile", ""], "label": "a"} for row in range(2)]
    (tmp_path / "text.txt").write_text("one line of words\n\nanother line of words\n")
    corpus = read_corpus(
        [write(tmp_path / "rows.jsonl", rows), str(tmp_path / "text.txt"), write(tmp_path / "chat.jsonl", [{"messages": TALK}])],
        tmp_path / "work",
    )
    assert sorted(corpus) == sorted(
        ["a dog of row 0", "a dog of row 1", *["ein Hund der Zeile"] * 2, "one line of words", "another line of words"]
        + [turn["content"] for turn in TALK]
    )
    assert [str(note).split(" (")[0] for note in corpus.inferences if note.what == "texts"] == [
        'texts: "source", "references" of rows.jsonl',
        'texts: "text" of text.txt',
        'texts: "conversation", "reply" of chat.jsonl',
    ]


def test_the_train_file_of_a_folder(tmp_path: Path) -> None:
    for name in ("train", "test"):
        write(tmp_path / f"{name}.jsonl", [{"text": f"some words of {name}"}])
    assert list(read_corpus([tmp_path], tmp_path / "work")) == ["some words of train"]


def test_words_of_lists_are_one_text(tmp_path: Path) -> None:
    rows = [{"tokens": ["A", "dog", "runs", "."], "tags": ["O", "O", "O", "O"]}, {"tokens": ["Two", "men"], "tags": ["O", "O"]}]
    path = write(tmp_path / "rows.jsonl", rows)
    assert (
        list(read_corpus([path], tmp_path / "work"))
        == list(read_corpus([path], tmp_path / "named", ["tokens"]))
        == ["A dog runs .", "Two men"]
    )


def test_named_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"a": "x", "b": "some words of b"}])
    corpus = read_corpus([path], tmp_path / "work", ["a"])
    assert list(corpus) == ["x"]
    assert corpus.inferences == []
    with pytest.raises(DataError, match=r'rows\.jsonl: there is no column "c" \(--columns\)'):
        read_corpus([path], tmp_path / "work", ["c"])
    with pytest.raises(DataError, match="no column holds texts of several words"):
        read_corpus([[{"a": "x", "c": "1"}]], tmp_path / "work")
