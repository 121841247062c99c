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


@pytest.fixture(scope="session")
def tiny_lm(tiny: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The same with a head over the vocabulary in the checkpoint, as a language model has one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer

    def made(family: str) -> Path:
        kind = dict.fromkeys(("gpt2", "llama"), AutoModelForCausalLM) | dict.fromkeys(("t5", "t5-spans", "bart"), AutoModelForSeq2SeqLM)
        folder = tmp_path_factory.mktemp(f"{family}-lm")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            kind.get(family, AutoModelForMaskedLM).from_pretrained(tiny(family)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(tiny(family)).save_pretrained(folder)
        return folder

    return cache(made)
