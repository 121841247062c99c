"""A short, fixed run of the fuzz target, and that the target itself finds what it should."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import fuzz

CASES = 25
SEED = 11


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return fuzz.made_artifacts(tmp_path_factory.mktemp("artifacts"))


def test_damaged_files_of_rows_give_rows_or_one_error() -> None:
    case = fuzz.targets([])["rows"]
    for number in range(2 * CASES):
        fuzz.run("rows", case, SEED, number)


def test_damaged_artifacts_answer_or_give_one_error(artifacts: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    case = fuzz.targets(artifacts)["artifacts"]
    for number in range(CASES):
        fuzz.run("artifacts", case, SEED, number)


def test_another_error_and_a_hang_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(draw: random.Random, folder: Path) -> str:
        raise KeyError(f"{draw.random()} {folder}")

    def slow(draw: random.Random, folder: Path) -> str:
        del draw, folder
        while True:
            pass

    with pytest.raises(fuzz.Fault, match=r"(?s)any, case 3: .*KeyError"):
        fuzz.run("any", broken, 0, 3)
    monkeypatch.setattr(fuzz, "_HANGS", 1)
    with pytest.raises(fuzz.Fault, match="no answer after 1 seconds"):
        fuzz.run("any", slow, 0, 0)


def test_the_same_seed_makes_the_same_damage() -> None:
    data = fuzz.seeds()["a.csv"]
    one, two, other = (fuzz.mutated(data, random.Random(seed)) for seed in (1, 1, 2))
    assert one == two != other
    assert one != data
