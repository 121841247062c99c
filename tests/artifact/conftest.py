from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from making import Made, Maker, make_one


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[[str], Path]) -> Maker:
    """`made("bert", "lora")` is an artifact; each is made once and must not be changed."""
    root = tmp_path_factory.mktemp("artifacts")

    @cache
    def one(family: str, expression: str, paired: bool = False) -> Made:
        return make_one(tiny(family), expression, root / f"{family}-{expression}-{paired}", paired=paired)

    return one
