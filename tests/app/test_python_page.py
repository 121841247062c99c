"""docs/python.md tells the truth: it names the whole surface, and its code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import leantune as lt

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
TYPES = {"Choice", "Predictor", "Preflight", "Result", "__version__"}


def test_every_function_is_named() -> None:
    named = set(re.findall(r"`lt\.(\w+)", PAGE))
    assert named == set(lt.__all__) - TYPES


def test_no_name_is_hidden_by_a_package() -> None:
    """Importing `leantune.x` makes `lt.x` that package, so no public name may be called like one."""
    packages = {path.name for path in Path(lt.__file__).parent.iterdir() if path.is_dir()}
    assert not packages & set(lt.__all__)


@pytest.mark.slow
def test_its_code_runs(tickets: Path, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks), "docs/python.md", "exec"), {"DATA": str(tickets), "MODEL": base})
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "merged" / "leantune.json").is_file()
