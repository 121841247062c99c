"""What all tests share: tiny base models, made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
def wide(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The same of width 64: narrower maps do not fit the blocks of 4-bit weights."""
    from leantune.testing.tiny import FAMILIES, make

    root = tmp_path_factory.mktemp("wide")

    def made(family: str) -> Path:
        kind = FAMILIES[family]
        neurons = {"hidden_dim": 128} if family == "distilbert" else {"intermediate_size": 128}
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(FAMILIES, family, replace(kind, changes=kind.changes | {"hidden_size": 64} | neurons))
            return make(family, root / family)

    return cache(made)


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
