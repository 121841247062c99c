"""The listings: quick, complete, and honest about cost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from leantune.cli.main import build
from leantune.core import catalogue
from leantune.core.errors import SpecError


def _output(*words: str) -> str:
    result = CliRunner().invoke(build(), list(words), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_table_has_every_method_with_its_paper() -> None:
    table = _output("methods")
    for name in catalogue.names("methods"):
        assert f"\n{name} " in table
    assert "arXiv:2106.09685" in table


def test_teachers_stand_below_the_methods_and_have_pages() -> None:
    table = _output("methods")
    for name in catalogue.names("teachers"):
        assert f"\n{name} " in table.split("Teachers, before a method")[1]
    page = _output("methods", "consensus(generations=3)")
    for words in ("arXiv:2001.07676", "generations", "growth", "5.0", "consensus | lora; rows without labels come with --unlabelled FILE"):
        assert words in page
    found = json.loads(_output("methods", "consensus", "--json"))
    assert {option["name"] for option in found["options"]} == {"temperature", "steps", "labels", "views", "generations", "growth"}
    assert json.loads(_output("methods", "--json"))["consensus"]["title"] == "Consensus of several views"
    with pytest.raises(SpecError, match=r'no option "growht"\. Closest: "growth"'):
        _output("methods", "consensus(growht=2)")


def test_structures_and_compressors_are_named_and_have_pages() -> None:
    table = _output("methods")
    assert all(
        name in table.split("Structures, before a method")[1] for name in (*catalogue.names("structures"), *catalogue.names("compressors"))
    )
    for name, words in (("layers(3)", "layers | METHOD"), ("shrink", "full | shrink"), ("prune(heads)", "arXiv:1905.10650")):
        assert words in _output("methods", name)


def test_the_table_needs_no_torch() -> None:
    code = "import sys; from leantune.cli.main import build; build()(['methods'], standalone_mode=False); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_page_has_formula_options_and_the_cost_on_a_base(tiny) -> None:
    page = _output("methods", "lora(rank=4)", "--model", str(tiny("bert")))
    assert "W x + (alpha / rank) B A x" in page
    assert "1,024 trained parameters without the head" in page
    assert "[query, value]" in page
    assert "head_lr" in page


def test_a_page_says_where_a_method_cannot_work(tiny) -> None:
    assert "cannot work" in _output("methods", "bitfit", "--model", str(tiny("llama")))


def test_a_tuner_of_peft_shows_its_own_options(tiny) -> None:
    assert "oft_block_size" in _output("methods", "peft.oft(r=8)", "--model", str(tiny("bert")))


def test_a_page_of_what_trains_nothing_says_so(tiny) -> None:
    for name in ("prototypes", "logistic", "averaged"):
        page = _output("methods", name, "--model", str(tiny("sentence-bert")))
        assert "the head is computed in one go" in page
        assert "nothing of the base is changed" in page
        assert "trained parameters" not in page
        assert "lr=1e-3" not in page
    frozen = " ".join(_output("methods", "frozen", "--model", str(tiny("sentence-bert"))).split())
    assert "1e-3, never raced" in frozen
    assert "put a prompt before it" in frozen


def test_json() -> None:
    assert json.loads(_output("methods", "--json"))["lora"]["title"] == "LoRA"
    assert {task["name"]: task["default_metric"] for task in json.loads(_output("tasks", "--json"))}["classification"] == "accuracy"


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(SpecError, match='Closest: "lora"'):
        _output("methods", "lorra")
    with pytest.raises(SpecError, match='Closest: "classification"'):
        _output("tasks", "clasification")


def test_the_page_of_a_task_shows_columns_and_metrics() -> None:
    page = _output("tasks", "classification")
    assert "accuracy (default)" in page
    assert "text_pair" in page


@pytest.mark.parametrize("name", catalogue.names("tasks"))
def test_the_page_of_a_task_names_the_metric_that_counts_when_none_is_named(name: str) -> None:
    (facts,) = json.loads(_output("tasks", name, "--json"))
    assert facts["default_metric"] == catalogue.load("tasks", name).default_metric(["B-PER", "O"])


@pytest.mark.parametrize("shelf", ["teachers", "structures", "compressors"])
def test_whatever_stands_around_a_method_has_a_page_under_its_bare_name(shelf: str) -> None:
    everything = json.loads(_output("methods", "--json"))
    for name in catalogue.names(shelf):
        assert f"{name} |" in (page := _output("methods", name)) or f"| {name}" in page
        assert "title" in everything[name]


def test_an_option_that_is_needed_says_so() -> None:
    assert any(line.split()[:2] == ["count", "needed"] for line in _output("methods", "layers").splitlines())


def test_a_chain_has_no_page() -> None:
    with pytest.raises(SpecError, match=r"is a chain, and a page is of one link: leantune methods shrink\."):
        _output("methods", "full | shrink(layers=3)")
