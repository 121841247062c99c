"""Where the outputs begin: at the mean of the training numbers, whatever the head and the method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leantune.app.options import Options
from leantune.app.study import Sources, open_study
from leantune.core.study import Job
from leantune.execution.attach import attach

ENDS = ["great", "nice", "sad", "awful", "good", "bad"]
ROWS = [{"text": f"the {one} movie was {two}", "label": 40.0 + len(one + two) / 8} for one in ENDS for two in ENDS]


@pytest.mark.parametrize("family", ["sentence-bert", "roberta", "distilbert"])
@pytest.mark.parametrize("method", ["full", "lora(rank=2)"])
def test_numbers_begin_at_their_mean(
    family: str, method: str, tiny: Callable[[str], Path], tmp_path: Path, job: Callable[..., Job]
) -> None:
    study = open_study(Sources(ROWS), tmp_path / "run", Options.of(model=str(tiny(family)), task="regression"))
    network = attach(study.context, job(method)).network
    mean = float(np.mean(study.context.gold["train"]))
    assert np.mean(study.context.predict(network, "dev").predicted) == pytest.approx(mean, abs=3)


def test_a_head_that_was_trained_before_is_kept(tiny: Callable[[str], Path], tmp_path: Path, job: Callable[..., Job]) -> None:
    study = open_study(Sources(ROWS), tmp_path / "run", Options.of(model=str(tiny("roberta")), task="regression"))
    network = attach(study.context, job("full")).network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.start_at(7.0, 1)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
