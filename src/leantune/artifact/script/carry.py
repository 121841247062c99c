"""Carry own code into the artifact: of an adapter whose type is not one of `peft`'s, of a body that `transformers` does not have.

    carry("leantune.models.bottleneck")  ->  source of one module that registers the type when it is imported, free of leantune

Starts at the calls that the module makes when it is imported (`add_tuner(...)`, `AutoModel.register(...)`) and follows names: definitions
of the module, and through its imports those of leantune's modules. What other packages define is imported as it stands.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field

_HEADER = '''"""Code of this model that its libraries do not have: import this module before the model in its folder is loaded."""

from __future__ import annotations

'''
_OURS = "leantune."


def carry(name: str) -> str:
    """Source of what the module called `name` does when it is imported, with all that it needs of ours."""
    load = _Load()
    root = load.module(name)
    for number, node in enumerate(root.nodes):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            root.taken.add(number)
            load.follow(root, node)
    lines = sorted(load.imports, key=lambda line: (line.startswith("from"), line))
    others = [part for part in load.order if part is not root]
    sources = [part.source() for part in [*others, root] if part.taken]
    return _HEADER + "\n".join(lines) + "\n\n\n" + "\n\n\n".join(sources) + "\n"


def carried(names: Iterable[tuple[str, str]]) -> tuple[list[str], str]:
    """Functions of ours by module and name, with all that they need of ours: lines that import what others define, and the source."""
    load = _Load()
    for place, name in names:
        module = load.module(place)
        number = module.defined[name]
        module.taken.add(number)
        load.follow(module, module.nodes[number])
    return sorted(load.imports), "\n\n\n".join(module.source() for module in load.order if module.taken) + "\n"


@dataclass
class _Module:
    """One module of ours and what is taken of it."""

    name: str
    text: str
    nodes: list[ast.stmt]
    defined: dict[str, int]
    imported: dict[str, tuple[ast.Import | ast.ImportFrom, ast.alias]]
    taken: set[int] = field(default_factory=set)

    def source(self) -> str:
        """The taken statements in their order, each with the string that documents it."""
        lines, parts = self.text.splitlines(), []
        for number in sorted(self.taken):
            end = self.nodes[number].end_lineno
            after = self.nodes[number + 1] if number + 1 < len(self.nodes) else None
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                end = after.end_lineno
            parts.append("\n".join(lines[_first_line(self.nodes[number]) - 1 : end]))
        return "\n\n\n".join(parts)


@dataclass
class _Load:
    """What is carried: modules in the order in which they are needed, and the imports of other packages."""

    modules: dict[str, _Module] = field(default_factory=dict)
    order: list[_Module] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)

    def module(self, name: str) -> _Module:
        """The module, read once."""
        if name not in self.modules:
            self.modules[name] = _read(name)
        return self.modules[name]

    def follow(self, module: _Module, node: ast.AST) -> None:
        """Take what a statement needs: first what other modules of ours define, then what its own does."""
        runtime, all_names = _names(node, annotations=False), _names(node, annotations=True)
        for name in sorted(all_names):
            if name in module.imported:
                self._import(module, name, needed=name in runtime)
        for name in sorted(all_names):
            number = module.defined.get(name)
            if number is not None and number not in module.taken:
                module.taken.add(number)
                self.follow(module, module.nodes[number])
        if module not in self.order:
            self.order.append(module)

    def _import(self, module: _Module, name: str, *, needed: bool) -> None:
        statement, alias = module.imported[name]
        origin = (statement.module or "") if isinstance(statement, ast.ImportFrom) else alias.name
        if not origin.startswith(_OURS):
            only = ast.Import([alias]) if isinstance(statement, ast.Import) else ast.ImportFrom(origin, [alias], 0)
            self.imports.add(ast.unparse(only))
        elif needed:
            other = self.module(origin)
            number = other.defined[alias.name]
            if number not in other.taken:
                other.taken.add(number)
                self.follow(other, other.nodes[number])


def _read(name: str) -> _Module:
    text = inspect.getsource(importlib.import_module(name))
    nodes = ast.parse(text).body
    defined: dict[str, int] = {}
    imported: dict[str, tuple[ast.Import | ast.ImportFrom, ast.alias]] = {}
    for number, node in enumerate(nodes):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {(alias.asname or alias.name): (node, alias) for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            defined[node.name] = number
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {target.id: number for target in targets if isinstance(target, ast.Name)}
    return _Module(name, text, nodes, defined, imported)


def _names(node: ast.AST, *, annotations: bool) -> set[str]:
    """Names that a statement reads; with or without those that only its annotations read."""
    skipped: set[ast.AST] = set()
    if not annotations:
        for part in ast.walk(node):
            notes = (getattr(part, "annotation", None), getattr(part, "returns", None))
            skipped |= {inner for note in notes if isinstance(note, ast.AST) for inner in ast.walk(note)}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and part not in skipped}


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(decorator.lineno for decorator in decorators)]))
