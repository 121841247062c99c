"""Method expressions: one line of data, the same in CLI, YAML and Python.

    lora(rank=16, sites=[query, value])        peft.oft(r=8)        last_layers(2)        lora | quantize(int8)

Grammar: NAME [ "(" argument, ... ")" ], links joined by "|". Values are numbers, true/false/none, words, quoted strings
and lists. Nothing is evaluated: the text is parsed as a Python expression and only literal shapes are taken.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
import warnings
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

from leantune.core.errors import SpecError, some

_LONGEST = 20_000
"""Letters of an expression."""
_WORDS = {"true": True, "false": False, "none": None, "True": True, "False": False, "None": None}


@dataclass(frozen=True)
class Call:
    """One link of an expression: `lora(16, alpha=32)` is name "lora", args (16,), kwargs {"alpha": 32}."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        inner = [_show(value) for value in self.args] + [f"{key}={_show(value)}" for key, value in self.kwargs.items()]
        return f"{self.name}({', '.join(inner)})" if inner else self.name


def parse_chain(text: str) -> list[Call]:
    """Parse `a(x=1) | b` into its links.

    >>> [link.name for link in parse_chain("lora(rank=4) | quantize(int8)")]
    ['lora', 'quantize']

    Raises:
        SpecError: E-EXPR, with the offending piece.
    """
    return [parse_call(part) for part in _split(text, "|")]


def parse_call(text: str) -> Call:
    """Parse one link such as `lora(rank=4, sites=[query, value])`."""
    source = text.strip()
    try:
        if len(source) > _LONGEST:
            raise ValueError("too long")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return _call(ast.parse(source, mode="eval").body, source)
    except SpecError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpecError(f'Cannot read the expression "{_shortened(source)}". {_syntax_hint(source)}', "E-EXPR") from error


def _call(node: ast.expr, source: str) -> Call:
    if isinstance(node, ast.Name | ast.Attribute):
        return Call(_dotted(node, source))
    if not isinstance(node, ast.Call):
        raise SpecError(f'"{source}" is not a name with options. Write for example lora(rank=8).', "E-EXPR")
    if any(keyword.arg is None for keyword in node.keywords):
        raise SpecError(f'"{source}": "**" is not allowed. Write name=value.', "E-EXPR")
    names = [str(keyword.arg) for keyword in node.keywords]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SpecError(f'"{source}": {some(twice)} is given twice.', "E-OPTION")
    kwargs = {str(keyword.arg): _value(keyword.value, source) for keyword in node.keywords}
    return Call(_dotted(node.func, source), tuple(_value(arg, source) for arg in node.args), kwargs)


def split_list(text: str) -> list[str]:
    """Split `full, lora(rank=4, alpha=8), head` at the commas outside brackets."""
    return [part.strip() for part in _split(text, ",") if part.strip()]


def _split(text: str, separator: str) -> list[str]:
    parts, depth, quote, current, escaped = [], 0, "", "", False
    for letter in text:
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and not escaped
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        if letter == separator and depth == 0 and not quote:
            parts.append(current)
            current = ""
        else:
            current += letter
    return [*parts, current]


def _dotted(node: ast.expr, source: str) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, source)}.{node.attr}"
    raise SpecError(f'"{source}" does not start with a name. Write for example lora(rank=8).', "E-EXPR")


def _value(node: ast.expr, source: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bool | None):
        return _finite(node.value, source)
    if isinstance(node, ast.Name | ast.Attribute):
        word = _dotted(node, source)
        return _WORDS.get(word, word)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item, source) for item in node.elts]
    if isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
        return {_value(key, source): _value(item, source) for key, item in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        if isinstance(node.operand.value, int | float):
            return -_finite(node.operand.value, source)
    piece = ast.get_source_segment(source, node) or source
    raise SpecError(f'"{source}": "{piece}" is not a plain value (number, word, text, list).', "E-EXPR")


def _finite(value: Any, source: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise SpecError(f'"{_shortened(source)}": a number is too large. Write it smaller.', "E-EXPR")
    return value


def _shortened(source: str) -> str:
    return source if len(source) <= 200 else f"{source[:200]}..."


def _syntax_hint(source: str) -> str:
    if source.count("(") != source.count(")"):
        return "The brackets do not match."
    if not source:
        return "It is empty. Write for example lora(rank=8)."
    if re.search(r"\w\s+\w", source):
        return "Separate the options by commas, for example lora(rank=8, alpha=16)."
    return "Write for example lora(rank=8)."


def _show(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_show(item) for item in value) + "]"
    if isinstance(value, str):
        return value if _is_word(value) else repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_show(key)}: {_show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    # Six digits where they are all, and never fewer digits than were given.
    short = f"{value + 0.0:g}" if isinstance(value, float) else repr(value)  # + 0.0: no minus before nothing
    if isinstance(value, float) and float(short) != value:
        return repr(value)
    return short


def _is_word(text: str) -> bool:
    """Whether a text is read back as itself without quotes."""
    parts = text.split(".")
    plain = all(part.isidentifier() and not iskeyword(part) for part in parts)
    return plain and text not in _WORDS and unicodedata.normalize("NFKC", text) == text
