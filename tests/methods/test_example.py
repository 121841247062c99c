"""The worked example of docs/adding-a-method.md is what it says: one file and an entry point, and everything knows it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from leantune.core import catalogue
from leantune.models.base import open_base
from leantune.testing.laws import LAWS
from leantune.testing.trial_run import Run, start

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The search path of the example, with its entry point."""
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "leantune_gain-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leantune-gain\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[leantune.methods]\ngain = gain:MEMBER\n")
    with pytest.MonkeyPatch.context() as patch:
        for path in (folder, DOCS / "examples"):
            patch.syspath_prepend(str(path))
        yield os.pathsep.join([str(folder), str(DOCS / "examples")])


@pytest.fixture(scope="module", params=["sentence-bert", "gpt2"])
def run(request, tiny, plugin) -> Run:
    return start("gain", open_base(str(tiny(request.param))))


@pytest.mark.parametrize("law", LAWS)
def test_law(law: str, run: Run) -> None:
    LAWS[law](run)


def test_the_page_shows_the_file_as_it_is() -> None:
    assert (DOCS / "examples" / "gain.py").read_text() in (DOCS / "adding-a-method.md").read_text()


def test_the_catalogue_knows_it(plugin: str) -> None:
    assert "gain" in catalogue.names("methods")


def test_the_formula_holds(run: Run) -> None:
    layer = next(part for part in run.network.body.modules() if type(part).__name__ == "GainLayer")
    x = torch.randn(2, 3, run.anatomy.at(["ffn_out"])[0].inputs)
    torch.testing.assert_close(layer(x), layer.gain_factor["default"] * layer.base_layer(x))


@pytest.mark.slow
def test_it_trains_from_the_command_line(tiny, plugin: str, tmp_path: Path) -> None:
    rows = [f"{text},{label}" for text, label in [("good great fine", "yes"), ("bad awful sad", "no")] * 40]
    file = tmp_path / "rows.csv"
    file.write_text("text,label\n" + "\n".join(f"{row.split(',')[0]} {number},{row.split(',')[1]}" for number, row in enumerate(rows)))
    words = ["train", str(file), "--model", str(tiny("bert")), "--method", "gain", "--out", str(tmp_path / "out"), "--budget", "20steps"]
    done = subprocess.run(
        [sys.executable, "-m", "leantune.cli.main", *words],
        env=os.environ | {"PYTHONPATH": plugin},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
