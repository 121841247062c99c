"""A prepared study on a tiny base, opened as a trial opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leantune.core.study import Blend, Job, Part
from leantune.data.dataset import prepare
from leantune.execution.context import Context
from leantune.execution.mixture import Mixture, task_folder
from studies_of_trials import labelled_rows, numbered_rows, opened, short_job, tagged_rows


@pytest.fixture(scope="module")
def context(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Of a tiny sentence encoder; the head stands outside of the body."""
    run = tmp_path_factory.mktemp("run")
    return opened(str(tiny("sentence-bert")), run, prepare(labelled_rows(), run / "data"))


@pytest.fixture
def context_of(tiny: Callable[[str], Path], tmp_path: Path) -> Callable[[list[dict[str, Any]]], Context]:
    """`context_of(rows)` is a study of other rows, on the same encoder."""
    return lambda rows: opened(str(tiny("sentence-bert")), tmp_path, prepare(rows, tmp_path / "data"))


@pytest.fixture
def with_tests(tiny: Callable[[str], Path], tmp_path: Path) -> Callable[..., Context]:
    """`with_tests("en", "de")` is a study in `tmp_path` whose test sets have these names and, but for the first, the same 24 rows."""
    rows = labelled_rows()

    def make(main: str, *further: str, skip: int = 0) -> Context:
        test = {main: rows[100:120], **dict.fromkeys(further, rows[120 + skip :])}
        return opened(str(tiny("sentence-bert")), tmp_path, prepare(rows[:80], tmp_path / "data", dev=rows[80:100], test=test))

    return make


@pytest.fixture(scope="module")
def mixture_of(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Mixture]:
    """`mixture_of("mood", "slots")` is a mixture of these tasks on the tiny sentence encoder, in a run folder of its own."""
    rows = {"mood": labelled_rows, "slots": tagged_rows, "stars": numbered_rows}

    def make(*names: str) -> Mixture:
        run, parts = tmp_path_factory.mktemp("mixture"), []
        for name in names:
            folder = task_folder(run, name)
            study = opened(str(tiny("sentence-bert")), folder, prepare(rows[name](), folder / "data"))
            parts.append(Part(name=name, conditions=study.conditions))
        return Mixture.open(run, Blend(parts=tuple(parts), temperature=0.5))

    return make


@pytest.fixture(scope="session")
def job() -> Callable[..., Job]:
    """`job("lora(rank=2)", steps=5)` is a short trial of a method; further values go into the recipe."""
    return short_job
