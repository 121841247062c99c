"""Every method keeps every law on every family that it supports; the whole grid is a tier of its own."""

from __future__ import annotations

from functools import cache

import pytest

from leantune.core import catalogue
from leantune.core.errors import SpecError
from leantune.models.base import open_base
from leantune.testing.laws import LAWS
from leantune.testing.tiny import FAMILIES
from leantune.testing.trial_run import Run, start

METHODS = tuple(name for name in catalogue.names("methods") if name not in ("peft", "frozen"))
OPTIONS = (
    "lora(rank=4, sites=all, rslora=true)",
    "lora(rank=4, dora=true, layers=-1)",
    "houlsby(body=attention, width=4)",
    "pfeiffer(body=linear, layers=[1])",
    "parallel(sites=[attention_out, ffn_out], width=8, activation=gelu)",
    "prefix(tokens=4, projection=true)",
    "p_tuning(tokens=4, encoder=lstm)",
    "last_layers(1)",
    "peft.loha(r=2)",
)
SHORT = {"last_layers": "last_layers(1)"}
"""Tiny bases have two layers."""
UNSUPPORTED = {
    "bitfit": {"modernbert", "llama"},
    "prefix": {"distilbert", "albert", "deberta-v2", "mpnet", "modernbert"},
    "last_layers": {"albert"},
    "frozen": {"bert", "sentence-bert", "gpt2"},
    "peft.loha": {"gpt2"},
    "sparse": {"gpt2"},
}
QUICK = [(SHORT.get(name, name), "bert") for name in METHODS] + [("lora", "llama"), ("houlsby", "deberta-v2"), ("prompt", "roberta")]
QUICK += [("prefix", "sentence-bert"), ("full", "sentence-bert")]
GRID = [(SHORT.get(name, name), family) for name in (*METHODS, *OPTIONS) for family in FAMILIES]


def _unsupported(expression: str) -> set[str]:
    return next((families for name, families in UNSUPPORTED.items() if expression.split("(")[0] == name), set())


def _cases() -> list[object]:
    supported = [case for case in GRID if case[1] not in _unsupported(case[0]) and not (case[1] == "albert" and "layers=[1]" in case[0])]
    return [
        pytest.param(case, id=f"{case[0]}-{case[1]}", marks=() if case in QUICK else pytest.mark.grid)
        for case in dict.fromkeys([*QUICK, *supported])
    ]


@pytest.fixture(scope="module")
def run(request, tiny) -> Run:
    return _run(request.param[0], str(tiny(request.param[1])))


@cache
def _run(expression: str, folder: str) -> Run:
    return start(expression, open_base(folder))


@pytest.mark.parametrize("run", _cases(), indirect=True, scope="module")
@pytest.mark.parametrize("law", LAWS)
def test_law(law: str, run: Run) -> None:
    LAWS[law](run)


@pytest.mark.parametrize(("name", "family"), [(name, family) for name, families in UNSUPPORTED.items() for family in sorted(families)])
def test_unsupported_pairs_say_why(name: str, family: str, tiny) -> None:
    with pytest.raises(
        SpecError,
        match=rf"{name}.*: .*(has no bias|takes no past|nothing to answer with|share their weights|peft refuses|linear layers alone)",
    ):
        start(SHORT.get(name, name), open_base(str(tiny(family))))
