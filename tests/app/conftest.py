"""A small labelled file that a tiny model can learn, and runs of the main job on it."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import leantune as lt
from leantune.artifact.manifest import Facts
from leantune.artifact.parity import TOLERANCE, Golden, Proof, as_row
from leantune.execution.process import WorkerProcess

GOOD = ["great", "good", "nice", "love", "happy", "fine", "best"]
BAD = ["awful", "bad", "sad", "hate", "poor", "worst"]
FILLER = ["the", "movie", "was", "a", "book", "day", "food", "card", "very", "this"]
ADJECTIVES = ["good", "great", "bad", "awful", "red", "blue", "happy", "sad", "fine"]
NOUNS = ["card", "bank", "movie", "book", "food", "day", "money", "order"]


def rows(number: int, seed: int = 0) -> list[dict[str, str]]:
    """Texts in which one word tells the label."""
    draw = random.Random(seed)
    made: dict[str, dict[str, str]] = {}
    while len(made) < number:
        label = draw.choice(["good", "bad"])
        words = [*draw.sample(FILLER, draw.randint(3, 7)), draw.choice(GOOD if label == "good" else BAD)]
        draw.shuffle(words)
        made[" ".join(words)] = {"text": " ".join(words), "label": label}
    return list(made.values())


def _prove(folder: Path, facts: Facts, golden: Golden, *, ways: Sequence[str]) -> Proof:
    rows = [as_row(row, facts) for row in golden.rows]
    found = zip(lt.load(folder).logits(rows), golden.logits, strict=True)
    largest = max(float(abs(row - expected).max(initial=0.0)) for row, expected in found)
    assert largest < TOLERANCE
    return Proof(list(ways), largest, len(rows))


class Kept(WorkerProcess):
    """A worker for many studies: it forks for each trial, and loading its libraries takes longer than training here."""

    def close(self) -> None:
        """Stay for the next one."""


@pytest.fixture(scope="session", autouse=True)
def one_worker() -> Iterator[None]:
    """All studies that Python starts share a worker process; the command line has its own in test_command_line."""
    started: dict[Path, Kept] = {}

    def worker() -> Kept:
        here = Path.cwd()  # where a worker was started its relative paths begin
        if here not in started or not started[here].alive:
            started[here] = Kept()
        return started[here]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leantune.execution.runner.WorkerProcess", worker)
        yield
    for one in started.values():
        WorkerProcess.close(one)


@pytest.fixture(scope="module")
def proof_here() -> Iterator[None]:
    """Artifacts are proven in this process, for speed; tests/artifact has the fresh ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leantune.artifact.publish.prove", _prove)
        patch.setattr("leantune.artifact.ensembling.prove", _prove)
        yield


@pytest.fixture(scope="session")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of 320 rows."""
    path = tmp_path_factory.mktemp("tickets") / "tickets.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(rows(320))
    return path


@pytest.fixture(scope="session")
def base(tiny: Callable[[str], Path]) -> str:
    """The tiny sentence encoder."""
    return str(tiny("sentence-bert"))


@pytest.fixture(scope="session")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources and targets in two files of lines."""
    draw, folder = random.Random(0), tmp_path_factory.mktemp("swapped")
    pairs = [(draw.choice(ADJECTIVES), draw.choice(NOUNS), draw.choice(ADJECTIVES), draw.choice(NOUNS)) for _ in range(160)]
    (folder / "train.en").write_text("".join(f"the {a} {b} and the {c} {d}\n" for a, b, c, d in pairs), encoding="utf-8")
    (folder / "train.de").write_text("".join(f"{d} {c} and {b} {a}\n" for a, b, c, d in pairs), encoding="utf-8")
    return folder / "train.{en,de}"


@pytest.fixture(scope="session")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw, rows = random.Random(1), list[dict[str, Any]]()
    for _ in range(160):
        a, b, c = draw.choice(ADJECTIVES), *draw.sample(NOUNS, 2)
        said = [f"what a {a} {b}", f"so {a}", f"and the {c}", f"the {c} was {a} too"]
        rows.append({"messages": [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 2, said, strict=True)]})
    path = tmp_path_factory.mktemp("chats") / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = random.Random(2)
    passages = [
        f"the {draw.choice(ADJECTIVES)} {draw.choice(NOUNS)} and the {draw.choice(ADJECTIVES)} {draw.choice(NOUNS)}" for _ in range(160)
    ]
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text("\n\n".join(f"{passage} {number}" for number, passage in enumerate(passages)), encoding="utf-8")
    return path
