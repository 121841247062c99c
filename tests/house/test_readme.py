"""The README tells the truth: its table is the catalogue, its Python runs, its commands exist."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from leantune.core import catalogue

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_names_every_method_with_its_use_and_its_cost_on_minilm() -> None:
    from leantune.kinds.method import parse_method
    from leantune.models.base import open_base
    from leantune.models.build import anatomy_of
    from leantune.testing.trial_run import HEAD

    rows = {name: cells for name, *cells in re.findall(r"^\| `([a-z0-9_]+)` \| (.*) \| ([\d,]+) \|$", README, re.MULTILINE)}
    assert set(rows) == set(catalogue.names("methods")) - {"peft"}
    base = open_base("minilm")
    bodies = {prepends: anatomy_of(base, HEAD, prepends=prepends) for prepends in (False, True)}
    for name, cells in rows.items():
        method = parse_method(name).method
        cost = f"{method.cost(bodies[method.card.prepends]):,}"
        assert cells == [f"{method.card.title}: {method.card.when}", cost], name


def test_every_command_of_the_shell_block_exists() -> None:
    commands = set(re.findall(r"^leantune (\w+)", README, re.MULTILINE))
    assert commands <= {path.stem for path in (ROOT / "src" / "leantune" / "cli").glob("*.py")}


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", README, re.MULTILINE)) <= targets


@pytest.mark.slow
def test_the_python_block_runs(tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, but for the base, the budget and the methods, which are cut down to a test's size."""
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    code = block[1].replace('model="minilm", budget="30min"', f'model={str(tiny("sentence-bert"))!r}, budget="12steps", seeds=1')
    code = re.sub(r"methods=\[.*?\]", 'methods=["full(lr=1e-2)", "lora(rank=4, lr=1e-2)"]', code)
    shutil.copy(ROOT / "src" / "leantune" / "demo" / "tickets.csv", tmp_path / "tickets.csv")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README", "exec"), {})
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "out" / "leantune.json").is_file()
