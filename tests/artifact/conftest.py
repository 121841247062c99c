from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from making import LABELS, Made, Maker, make_one


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[[str], Path]) -> Maker:
    """`made("bert", "lora")` is an artifact; each is made once and must not be changed."""
    root = tmp_path_factory.mktemp("artifacts")

    @cache
    def one(family: str, expression: str, paired: bool = False, draw: int = 3, labels: tuple[str, ...] = tuple(LABELS)) -> Made:
        folder = root / f"{family}-{expression}-{paired}-{draw}-{'-'.join(labels)}"
        return make_one(tiny(family), expression, folder, paired=paired, draw=draw, labels=labels)

    return one
