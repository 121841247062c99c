"""Carry an adapter's own code into the artifact, where its type is not one of `peft`'s.

    carry("leantune.models.bottleneck")  ->  source of one module that registers the type when it is imported, free of leantune

Modules that import nothing of leantune are copied whole; of other modules only the named functions and the imports they use.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from types import ModuleType

_HEADER = '''"""An adapter type for peft: import this module before the adapter in its folder is loaded."""

from __future__ import annotations

'''


def carry(name: str) -> str:
    """Source of the module called `name`, which defines and registers a tuner, with all that it needs of ours."""
    imports: list[str] = []
    body = _whole(importlib.import_module(name), imports)
    lines = sorted(set(imports), key=lambda line: (line.startswith("from"), line))
    return _HEADER + "\n".join(lines) + "\n\n\n" + body


def _whole(module: ModuleType, imports: list[str]) -> str:
    """A module without its docstring and imports, after what it takes from other modules of ours."""
    source = inspect.getsource(module)
    parts, kept = [], ast.parse(source).body[1:]
    for node in kept:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("leantune."):
            parts.append(_taken(node, imports))
        elif isinstance(node, ast.Import | ast.ImportFrom) and "__future__" not in ast.unparse(node):
            imports.append(ast.unparse(node))
    rest = [node for node in kept if not isinstance(node, ast.Import | ast.ImportFrom)]
    start = min(_first_line(node) for node in rest)
    return "\n\n".join([*parts, "\n".join(source.splitlines()[start - 1 :]) + "\n"])


def _taken(node: ast.ImportFrom, imports: list[str]) -> str:
    """What one import of ours brings: the whole module where it stands alone, else the named functions."""
    module = importlib.import_module(str(node.module))
    tree = ast.parse(inspect.getsource(module)).body
    if not any(isinstance(other, ast.ImportFrom) and (other.module or "").startswith("leantune.") for other in tree):
        return _whole(module, imports)
    sources = [inspect.getsource(getattr(module, alias.name)) for alias in node.names]
    for other in tree:
        if isinstance(other, ast.Import | ast.ImportFrom) and not ast.unparse(other).startswith("from leantune"):
            used = [alias for alias in other.names if any((alias.asname or alias.name) in source for source in sources)]
            if used and "__future__" not in ast.unparse(other):
                other.names = used
                imports.append(ast.unparse(other))
    return "\n\n".join(sources)


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(decorator.lineno for decorator in decorators)]))
