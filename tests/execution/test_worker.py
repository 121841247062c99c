"""The worker is ready before its first child is there."""

from __future__ import annotations

import gc

import pytest
from transformers import conversion_mapping

from leantune.execution import worker


def test_what_each_child_would_do_anew_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion_mapping, "_checkpoint_conversion_mapping_cache", None, raising=False)
    try:
        worker.make_ready()
        assert conversion_mapping._checkpoint_conversion_mapping_cache is not None
        assert gc.get_freeze_count() > 10_000, "what is loaded is no garbage"
    finally:
        gc.unfreeze()
