"""Parallel files are rows of texts and what is written for them; plain text is rows of passages."""

from __future__ import annotations

from pathlib import Path

import pytest

from leantune.core.errors import DataError
from leantune.data.columns import Columns
from leantune.data.dataset import prepare
from leantune.data.intake import Inference
from leantune.data.locate import bring_in, locate
from leantune.data.passages import LONGEST
from leantune.data.unlabelled import read_rows


def rows(source: str, folder: Path, notes: list[Inference] | None = None) -> list[dict[str, str]]:
    table = bring_in(locate(source)[0], folder / "raw.arrow", [] if notes is None else notes)
    return [row for batch in table.batches() for row in batch.to_pylist()]


def fault(source: str, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        rows(source, folder)
    return str(caught.value)


def write(folder: Path, **files: str) -> None:
    for ending, text in files.items():
        (folder / f"train.{ending}").write_bytes(text.encode())


def test_lines_go_together(tmp_path: Path) -> None:
    write(tmp_path, en="a dog\r\n\na cat, a \u2028 line", de="ein Hund\n \n  eine Katze  \n")
    notes = list[Inference]()
    assert rows(str(tmp_path / "train.{en, de}"), tmp_path, notes) == [
        {"en": "a dog", "de": "ein Hund"},
        {"en": "", "de": " "},
        {"en": "a cat, a \u2028 line", "de": "  eine Katze  "},
    ]
    assert list(map(str, notes)) == ['format: parallel text files (line by line, "en" is read and "de" is the answer)']


def test_braces_may_stand_anywhere_in_the_name(tmp_path: Path) -> None:
    write(tmp_path, **{"src.txt": "a\nb\n", "tgt.txt": "c\nd\n", "ref.txt": "e\nf\n"})
    assert rows(str(tmp_path / "{train}.src.txt"), tmp_path) == [{"train": "a"}, {"train": "b"}]
    assert rows(str(tmp_path / "train.{src,tgt,ref}.txt"), tmp_path)[1] == {"src": "b", "tgt": "d", "ref": "f"}


def test_files_of_different_length(tmp_path: Path) -> None:
    write(tmp_path, en="1\n2\n3\n4\n5", de="1\n2\n3\n")
    assert fault(str(tmp_path / "train.{en,de}"), tmp_path) == (
        "train.{en,de}: the files have different numbers of lines (train.en 5, train.de 3): line 4 of train.en is the first without a "
        "partner. Each line needs its translation in the same line of the other file.  [E-FORMAT]"
    )
    assert "(train.de 3, train.en 5): line 4 of train.en" in fault(str(tmp_path / "train.{de,en}"), tmp_path)


def test_missing_files_are_told_together(tmp_path: Path) -> None:
    write(tmp_path, en="1\n")
    assert fault(str(tmp_path / "train.{de,en,fr}"), tmp_path).count("there is no such file") == 2
    assert "named twice" in fault(str(tmp_path / "train.{en,en}"), tmp_path)


def test_the_digest_is_of_all_files(tmp_path: Path) -> None:
    write(tmp_path, en="a\n", de="b\n")
    before = locate(str(tmp_path / "train.{en,de}"))[0].digest
    assert locate(str(tmp_path / "train.{de,en}"))[0].digest != before
    write(tmp_path, de="c\n")
    assert locate(str(tmp_path / "train.{en,de}"))[0].digest != before


def test_the_first_is_the_text_and_the_second_the_answer(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        (tmp_path / f"{split}.x").write_text("".join(f"words of {split} {row}\n" for row in range(60)))
        (tmp_path / f"{split}.y").write_text("".join(f"{('ham', 'spam')[row % 2]}\n" for row in range(60)))
    dataset = prepare(str(tmp_path / "train.{x,y}"), tmp_path / "out", dev=str(tmp_path / "dev.{x,y}"))
    assert dataset.columns == Columns(text="x", label="y")
    assert dataset.manifest.sizes["dev"] == 60
    (tmp_path / "new.x").write_text("one\ntwo\n")
    read = read_rows(str(tmp_path / "new.{x}"), tmp_path / "new", dataset.columns)
    assert [chunk.texts for chunk in read.chunks()] == [["one", "two"]]


def passages(folder: Path, text: str) -> tuple[list[str], list[str]]:
    (folder / "a.txt").write_text(text)
    notes = list[Inference]()
    return [row["text"] for row in rows(str(folder / "a.txt"), folder, notes)], list(map(str, notes))


def test_paragraphs_are_passages(tmp_path: Path) -> None:
    long = [f"line {row} " + "x" * 1000 for row in range(5)]
    found, notes = passages(tmp_path, "\n \n= One =  \n\n\nfirst line\n  second line\n\n" + "\n".join(long))
    assert found == ["= One =", "first line\n  second line", "\n".join(long[:2]), "\n".join(long[2:4]), long[4]]
    assert notes == ["passages: 5 of a.txt (blank lines end them, and 2 end at about 2,000 characters)"]


def test_lines_without_blank_ones_are_gathered(tmp_path: Path) -> None:
    lines = [f"line {row} with some words" for row in range(400)]
    found, notes = passages(tmp_path, "\n".join(lines))
    assert "\n".join(found).split("\n") == lines
    assert all(LONGEST <= len(text) + 1 < LONGEST + 40 for text in found[:-1])
    assert notes == [f"passages: {len(found)} of a.txt (lines up to about 2,000 characters)"]


def test_nothing_but_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n \n")
    assert fault(str(tmp_path / "a.txt"), tmp_path) == "a.txt: the file is empty.  [E-FORMAT]"
