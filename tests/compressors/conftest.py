"""A trained tiny model on its bench."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from trained_model import Trained

from leantune.core.records import Recipe
from leantune.core.study import Job
from leantune.data.dataset import prepare
from leantune.execution.attach import attach, setup_of
from leantune.execution.compressing import Bench
from leantune.execution.loop import BestLook, fit
from studies_of_trials import labelled_rows, opened


@pytest.fixture(scope="session")
def trained(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    run = tmp_path_factory.mktemp("bench")
    context = opened(str(tiny("sentence-bert")), run, prepare(labelled_rows(), run / "data"))
    recipe = Recipe.build("full", {"task": "classification", "method": "full", "lr": 0.01, "steps": 40, "batch_rows": 16, "evaluations": 1})
    job = Job(name="full", expression="full", phase="final", recipe=recipe, seed=1)
    attached = attach(context, job)
    list(fit(setup_of(context, job, attached), BestLook()))
    network = attached.network.eval()
    return Trained(Bench(context, job, copy.deepcopy(network)), network)
