"""What all tests share: tiny base models, made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`tiny("roberta")` is the folder of a tiny random base of that family."""
    from leantune.testing.tiny import make

    root = tmp_path_factory.mktemp("tiny")
    return cache(lambda family: make(family, root / family))
