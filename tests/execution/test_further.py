"""Further test sets in a trial: predicted beside the main one, and later from the saved update without training again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from leantune.core.errors import ArtifactError
from leantune.core.events import Event, Finished
from leantune.core.records import TrialRecord
from leantune.core.study import Job
from leantune.evaluate.predictions import read_predictions, same_answers
from leantune.execution.baseline import run_baseline
from leantune.execution.context import Context
from leantune.execution.further import run_further
from leantune.execution.hands import Message, Request
from leantune.execution.runner import Runner
from leantune.execution.trial import run_trial


def last(events: Iterator[Event]) -> TrialRecord:
    *_, event = events
    assert isinstance(event, Finished)
    return event.record


@pytest.fixture
def final(job: Callable[..., Job]) -> Callable[[str], Job]:
    return lambda expression: job(expression, steps=8).model_copy(update={"phase": "final", "measure": False})


@pytest.mark.parametrize("expression", ["lora(rank=2)", "head"])
def test_a_trial_keeps_its_weights_when_a_test_set_comes_later(
    expression: str, final: Callable[[str], Job], with_tests: Callable[..., Context], tmp_path: Path
) -> None:
    first = last(run_trial(with_tests("en", "de"), final(expression)))
    assert first.status != "failed", first.reason
    assert set(first.scores.further) == {"de"}
    assert first.scores.on("de") == first.scores.further["de"].score
    saved = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials" / first.digest / "delta").iterdir()}
    later = with_tests("en", "de", "fr")
    assert first.scores.lacks(later.dataset.manifest.further) == ["fr"]
    more = last(run_further(later, final(expression)))
    assert more.digest == first.digest
    assert more.scores.test == first.scores.test
    assert more.scores.lacks(later.dataset.manifest.further) == []
    assert {path: path.stat().st_mtime_ns for path in saved} == saved
    trained, reloaded = (read_predictions(tmp_path, first.digest, f"test-{name}") for name in ("de", "fr"))
    assert same_answers(trained.predicted, reloaded.predicted)
    assert np.allclose(trained.confidence, reloaded.confidence, atol=1e-4)
    assert np.ptp(trained.confidence) > 1e-3


class Crashing:
    """Hands whose every process crashes."""

    many = 1

    def ask(self, request: Request) -> Iterator[Message]:
        Path(request["log"]).write_text("Traceback\nMemoryError: no room for 90 MB\n", encoding="utf-8")
        yield {"kind": "exit", "code": 1}

    def ahead(self, requests: Sequence[Request]) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_crash_while_a_test_set_is_scored_is_told_and_the_trial_stays(
    final: Callable[[str], Job], with_tests: Callable[..., Context], tmp_path: Path
) -> None:
    first = last(run_trial(with_tests("en", "de"), final("head")))
    later, record = with_tests("en", "de", "fr"), tmp_path / "trials" / first.digest / "record.json"
    kept = record.read_bytes()
    said = r"cannot be scored on a further test set: it crashed: MemoryError: no room for 90 MB\..*Leave the test set out, or delete"
    with Runner(later.run, later.conditions, Crashing()) as runner, pytest.raises(ArtifactError, match=said):
        runner.extend(final("head"))
    assert record.read_bytes() == kept


def test_races_see_no_test_set_and_floors_see_all(job: Callable[..., Job], with_tests: Callable[..., Context], tmp_path: Path) -> None:
    context = with_tests("en", "de")
    race = last(run_trial(context, job("head")))
    assert (race.scores.test, race.scores.further) == (None, {})
    assert [path.name for path in (tmp_path / "trials" / race.digest).glob("*.parquet")] == ["dev.parquet"]
    floor = last(run_baseline(context, Job(name="tfidf", expression="tfidf", phase="baseline", recipe=None, seed=1)))
    assert floor.scores.on("de") is not None
    assert len(read_predictions(tmp_path, floor.digest, "test-de").gold) == len(context.dataset.splits["test-de"])


def test_another_file_under_the_same_name_is_another_test_set(with_tests: Callable[..., Context]) -> None:
    floor = Job(name="majority", expression="majority", phase="baseline", recipe=None, seed=1)
    record = last(run_baseline(with_tests("en", "de"), floor))
    assert record.scores.lacks(with_tests("en", "de").dataset.manifest.further) == []
    assert record.scores.lacks(with_tests("en", "de", skip=1).dataset.manifest.further) == ["de"]
