"""The worker is ready before its first child is there."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from transformers import conversion_mapping

from leantune.execution import worker
from leantune.execution.process import WorkerProcess


def test_what_each_child_would_do_anew_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion_mapping, "_checkpoint_conversion_mapping_cache", None, raising=False)
    gc.disable()
    try:
        worker.make_ready()
        assert conversion_mapping._checkpoint_conversion_mapping_cache is not None
        assert gc.get_freeze_count() > 10_000, "what is loaded is no garbage"
        assert gc.isenabled(), "what a child makes may be"
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.slow
def test_what_the_user_calls_as_a_library_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("selectors", "datasets", "tokenizers"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('rows, not the library')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with WorkerProcess() as started:
        assert started.process.stdin is not None
        started.process.stdin.close()
        assert started.process.wait(timeout=120) == 0, "it loads its libraries, finds no job and ends"
