"""Plain text becomes pairs of neighbours: nothing is lost, half of the second parts change places."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from leantune.core.errors import Problems
from leantune.data.dataset import prepare
from leantune.data.intake import Inference
from leantune.data.neighbours import NEXT, OTHER, neighbour_rows

PASSAGES = [f"It rained on day {n}. We saw film {n}! Nobody else came {n}." for n in range(300)]


def pairs(*chunks: list[str | None]) -> tuple[list[tuple[str, str, str]], list[Inference]]:
    notes: list[Inference] = []
    found = list(neighbour_rows(({"text": chunk} for chunk in chunks), Problems("a.txt"), notes))
    return [row for chunk in found for row in zip(*(chunk[name] for name in ("text", "text_pair", "label")), strict=True)], notes


def test_second_parts_change_places_among_themselves() -> None:
    rows, notes = pairs(PASSAGES[:100], PASSAGES[100:])
    assert len(rows) == 300
    assert not notes
    whole = {f"{first} {second}" for first, second, label in rows if label == NEXT}
    assert whole <= set(PASSAGES)
    others = [(first, second) for first, second, label in rows if label == OTHER]
    assert 100 < len(others) < 200
    assert not {f"{first} {second}" for first, second in others} & set(PASSAGES)
    rest = sorted(passage for passage in PASSAGES if passage not in whole)
    assert sorted(first for first, _ in others) == sorted(
        next(passage[: len(f)] for f, _ in others if passage.startswith(f"{f} ")) for passage in rest
    )
    assert len({second for _, second in others}) == len(others)


def test_single_sentences_are_left_out_and_counted() -> None:
    rows, notes = pairs(["One sentence", "He came. She went.", None, ""])
    assert rows == [("He came.", "She went.", NEXT)], "a lone exchanged passage has nobody to change with"
    assert str(notes[0]) == "passages left out: a.txt row 1, 3, 4 (3 passages; a pair needs two sentences)"


def test_other_files_stay_as_they_are() -> None:
    chunk = {"text": ["a"], "text_pair": ["b"], "label": ["next"]}
    assert list(neighbour_rows([chunk], Problems("a.csv"), [])) == [chunk]
    assert list(neighbour_rows([], Problems("a.csv"), [])) == []


def test_a_text_file_is_prepared(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("\n\n".join(PASSAGES), encoding="utf-8")
    dataset = prepare(path, tmp_path / "data", task="next_sentence")
    assert (dataset.task, dataset.labels) == ("next_sentence", [NEXT, OTHER])
    train = dataset.splits["train"]
    assert train.pairs is not None
    assert sorted(np.unique(train.gold).tolist()) == [0, 1]
