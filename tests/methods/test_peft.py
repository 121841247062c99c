"""Every tuner of the installed `peft` either keeps the laws or says in one line why it is not offered."""

from __future__ import annotations

from functools import cache

import pytest

from leantune.core.errors import SpecError
from leantune.methods._tuners import REFUSED
from leantune.models.base import open_base
from leantune.models.surgery import tuner_names
from leantune.testing.laws import LAWS
from leantune.testing.trial_run import Run, start

NARROW = {
    "fourierft": "n_frequency=64",
    "miss": "r=4",
    "oft": "r=4",
    "prefix_tuning": "num_virtual_tokens=4",
    "prompt_tuning": "num_virtual_tokens=4",
    "p_tuning": "num_virtual_tokens=4",
    "shira": "r=2",
    "trainable_tokens": "token_indices=[41, 42, 43]",
    "waveft": "n_frequency=64",
}
"""Options where the defaults ask for more than the width 32 of a tiny base."""
TUNERS = [name for name in tuner_names() if name not in REFUSED]
EXCEPTIONS = {"glora": {"every_trained_parameter_moves"}}
"""GLoRA scales the base's biases, and those of a random base are zero."""
QUICK = ("oft", "loha")


@cache
def _run(name: str, folder: str) -> Run:
    return start(f"peft.{name}({NARROW.get(name, '')})".replace("()", ""), open_base(folder))


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.grid) for name in TUNERS])
def test_laws(name: str, tiny) -> None:
    run = _run(name, str(tiny("sentence-bert" if name == "trainable_tokens" else "bert")))
    broken = {}
    for law, check in LAWS.items():
        try:
            check(run)
        except AssertionError as error:
            broken[law] = str(error)[:200]
    assert broken.keys() <= EXCEPTIONS.get(name, set()), broken


def test_a_tuner_that_cannot_store_a_head_says_so(tiny) -> None:
    with pytest.raises(SpecError, match="cannot store the new classifier"):
        start("peft.trainable_tokens(token_indices=[41])", open_base(str(tiny("bert"))))


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_have_a_reason(name: str) -> None:
    with pytest.raises(SpecError, match="cannot be compared here"):
        start(f"peft.{name}", open_base("minilm"))


def test_what_peft_says_about_a_body_becomes_one_line(tiny) -> None:
    with pytest.raises(SpecError, match=r"peft refuses: .*must be less than or equal to in_features"):
        start("peft.miss(r=64)", open_base(str(tiny("bert"))))
