"""Reading YAML and JSON files that a user writes; a fault is told with its line, and nothing that is written twice is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from leantune.core.errors import SpecError


class AsNames(yaml.SafeLoader):  # type: ignore[misc]
    """YAML in which no, off, yes and on are names, not truth values as in YAML 1.1: our files have no truth values."""


class AsTexts(yaml.BaseLoader):  # type: ignore[misc]
    """YAML in which everything is a text: 1, 2.0, yes and null are what labels and words are called."""


AsNames.yaml_implicit_resolvers = {
    sign: [(tag, known) for tag, known in found if tag != "tag:yaml.org,2002:bool"]
    for sign, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(file: str, loader: type[AsNames | AsTexts], *, advice: str = "") -> Any:
    """What stands in a file.

    Args:
        file: a path.
        loader: how plain words are read.
        advice: said where it cannot be read.

    Raises:
        SpecError: E-FILE, or E-FORMAT with the line.
    """
    try:
        text = Path(file).read_text("utf-8-sig")
        _refuse_twice(file, yaml.compose(text, loader))
        return yaml.load(text, loader)
    except OSError as error:
        raise SpecError(f"{file}: cannot be read: {error.strerror}.", "E-FILE") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())[:200]
        raise SpecError(f"{file}{line}: is neither YAML nor JSON: {reason}.{advice and f' {advice}'}", "E-FORMAT") from error


def _refuse_twice(file: str, node: Any) -> None:
    """YAML would let the last of two equal keys win without a word."""
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise SpecError(f'{file} line {key.start_mark.line + 1}: "{key.value}" is given twice. Join the two.', "E-FORMAT")
                seen.add(key.value)
            _refuse_twice(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twice(file, value)
