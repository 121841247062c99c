"""The laws hold where a model writes texts, for decoders and encoder-decoders."""

from __future__ import annotations

from functools import cache

import pytest

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.models.base import open_base
from leantune.testing.laws import LAWS, OF_ROWS
from leantune.testing.trial_run import TEXT, Run, start

HEADS_ALONE = ("head", "frozen", "prototypes", "logistic", "averaged")
"""They train or compute a head of labels; nothing is left of them where the model writes."""
METHODS = [{"last_layers": "last_layers(1)"}.get(name, name) for name in catalogue.names("methods") if name not in ("peft", *HEADS_ALONE)]
FAMILIES = ("t5", "bart", "marian", "gpt2", "llama", "qwen2")
QUICK = {("full", "t5"), ("lora", "t5"), ("lora", "gpt2"), ("prefix", "bart"), ("prompt", "t5"), ("houlsby", "marian"), ("prompt", "llama")}
UNSUPPORTED = [
    ("bitfit", "t5"),
    ("bitfit", "llama"),
    ("peft.loha(r=2)", "gpt2"),
    ("sparse", "gpt2"),
    *(("head", family) for family in FAMILIES if family != "qwen2"),
]
"""Of Qwen 2 the tiny base has no output layer, so a new one is trained."""
CASES = [(method, family) for method in [*METHODS, "peft.loha(r=2)"] for family in FAMILIES if (method, family) not in UNSUPPORTED]


@pytest.fixture(scope="module")
def run(request, tiny) -> Run:
    return _run(request.param[0], str(tiny(request.param[1])))


@cache
def _run(expression: str, folder: str) -> Run:
    return start(expression, open_base(folder), head=TEXT)


@pytest.mark.parametrize(
    "run",
    [pytest.param(case, id="-".join(case), marks=() if case in QUICK else pytest.mark.grid) for case in CASES],
    indirect=True,
    scope="module",
)
@pytest.mark.parametrize(
    "law", [law for law in LAWS if law not in (*OF_ROWS, "spec_json_roundtrip", "rejects_values_out_of_range", "is_documented")]
)
def test_law(law: str, run: Run) -> None:
    LAWS[law](run)


@pytest.mark.parametrize(("method", "family"), UNSUPPORTED)
def test_unsupported_pairs_say_why(method: str, family: str, tiny) -> None:
    with pytest.raises(SpecError, match=r"no bias|brings its head|peft refuses|linear layers alone"):
        start(method, open_base(str(tiny(family))), head=TEXT)
