"""The embedded tickets: what the generator writes, many, balanced, distinct, and not given away by a word."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

GENERATOR = Path(__file__).parents[2] / "examples" / "make_tickets.py"


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return (files("leantune.demo") / "tickets.csv").read_bytes()


@pytest.fixture(scope="module")
def rows(shipped: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(shipped.decode("utf-8"), newline="")))


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))


def test_generator_writes_the_shipped_file_byte_for_byte(shipped: bytes) -> None:
    printed = subprocess.run([sys.executable, str(GENERATOR)], capture_output=True, check=True, timeout=120)
    assert printed.stdout == shipped


def test_another_seed_gives_other_tickets(tmp_path: Path, shipped: bytes) -> None:
    out = tmp_path / "other.csv"
    subprocess.run([sys.executable, str(GENERATOR), "--seed", "21", "-o", str(out)], check=True, timeout=120)
    assert out.read_bytes() != shipped
    assert out.read_bytes().startswith(b"text,label\n")


def test_many_rows_and_balanced_labels(rows: list[dict[str, str]]) -> None:
    counts = Counter(row["label"] for row in rows)
    assert len(rows) >= 900
    assert len(counts) == 7
    assert max(counts.values()) / len(rows) < 0.2
    assert min(counts.values()) / len(rows) > 0.1


def test_no_empty_overlong_or_repeated_text(rows: list[dict[str, str]]) -> None:
    texts = [row["text"] for row in rows]
    assert all(5 <= len(text.split()) <= 60 for text in texts)
    assert len({" ".join(re.findall(r"\w+", text.lower())) for text in texts}) == len(texts)


def test_no_template_marks_are_left(rows: list[dict[str, str]]) -> None:
    assert not [row["text"] for row in rows if re.search(r"[\[\]{}<>|]|  | [.,]|\.\.", row["text"])]


def test_no_label_is_written_in_a_text(rows: list[dict[str, str]]) -> None:
    labels = {row["label"] for row in rows}
    spelled = labels | {label.replace("_", " ") for label in labels}
    assert not [row["text"] for row in rows if any(label in row["text"].lower() for label in spelled)]


def test_no_single_word_gives_a_label_away(rows: list[dict[str, str]]) -> None:
    """A word found in most tickets of a label, and hardly anywhere else, would make the task one of key words."""
    per_label = Counter(row["label"] for row in rows)
    found = Counter(word for row in rows for word in words(row["text"]))
    joint = Counter((word, row["label"]) for row in rows for word in words(row["text"]))
    given_away = [(word, label) for (word, label), n in joint.items() if n > 0.4 * per_label[label] and n > 0.8 * found[word]]
    assert given_away == []


@pytest.mark.parametrize("word", ["refund", "cancel", "charged", "address", "account", "order", "return"])
def test_words_of_the_labels_occur_under_every_other_label(rows: list[dict[str, str]], word: str) -> None:
    assert len({row["label"] for row in rows if word in words(row["text"])}) == 7
