"""`leantune prompts`: the listing, the pages and the look at a file; quick where nothing is computed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leantune.cli.main import build
from leantune.core import catalogue
from leantune.core.errors import SpecError


def _output(*words: str) -> str:
    result = CliRunner().invoke(build(), ["prompts", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.csv"
    lines = [f"the {what} was {word} {number},{label}" for number in range(8) for what in ("film", "food") for word, label in WORDS.items()]
    path.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    return str(path)


WORDS = {"great": "good", "nice": "good", "awful": "bad", "sad": "bad"}


def test_the_table_names_every_prompt() -> None:
    table = _output()
    assert all(f"\n{name} " in f"\n{table}" for name in catalogue.names("prompts"))
    assert set(json.loads(_output("--json"))) == set(catalogue.names("prompts"))


def test_the_program_loads_no_torch_for_its_help() -> None:
    code = "import sys; from leantune.cli.main import build; build(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("name", catalogue.names("prompts"))
def test_a_page_explains_every_option(name: str) -> None:
    page = json.loads(_output(name, "--json"))
    assert all(option["meaning"] for option in page["options"])
    assert all(option["name"] in _output(name) for option in page["options"])


def test_mistakes_get_the_nearest_name() -> None:
    with pytest.raises(SpecError, match='Closest: "cloze"'):
        _output("clozze")
    with pytest.raises(SpecError, match='Closest: "calibrate"'):
        _output("cloze(calibrat=true)")


def test_a_file_is_seen_in_the_prompt(rows: str, tiny_lm: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prompt = tmp_path / "prompt.yaml"
    prompt.write_text('prompt: "{text:nodot}. it was {mask}."\nlabels: {good: great, bad: awful}', encoding="utf-8")
    found = _output("cloze", rows, "--model", str(tiny_lm("bert")), "--prompt", str(prompt), "--rows", "2")
    assert "the film was great" in found
    assert "<. it was> [MASK]<.>" in found
    assert "none is cut" in found
    assert sum("probability:" in line for line in found.splitlines()) == 2
    assert not (tmp_path / "runs").exists()


def test_anchors_show_their_texts(rows: str, tiny: Callable[[str], Path]) -> None:
    found = _output("anchors(words=given)", rows, "--model", str(tiny("sentence-bert")), "--labels", "good=great, bad=awful")
    assert '"This text is great."' in found or '"This text is awful."' in found
    assert "similarity:" in found
