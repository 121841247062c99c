"""JSON objects as rows: strict about what Python's `json` lets pass (NaN, doubled keys), numbers as they were written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from leantune.data.values import WrittenFloat


class StrictnessError(ValueError):
    """JSON that Python would accept and other programs would not."""


class _ConstantError(StrictnessError):
    """NaN or an infinity."""


def _constant(name: str) -> Any:
    raise _ConstantError(_no_value(name))


def _no_value(name: str, key: str | None = None) -> str:
    under = "" if key is None else f' under the key "{key}"'
    return f"{name}{under} is no JSON value. Write null, or leave the key out"


def _whole(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # Python refuses to parse long ones, which take long
        raise StrictnessError(f"a number of {len(digits):,} digits. Write it as a text, in quotes") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise StrictnessError(f'the key "{twice}" stands there twice. Keep one')
    return found


DECODER = json.JSONDecoder(parse_constant=_constant, parse_int=_whole, parse_float=WrittenFloat, object_pairs_hook=_pairs)


@dataclass(frozen=True)
class _Constant:
    """What stands for NaN or an infinity until its object is closed, and its key known."""

    name: str


def _keyed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, _Constant):
                raise StrictnessError(_no_value(one.name, key))
    return _pairs(pairs)


_SEEKING = json.JSONDecoder(parse_constant=_Constant, parse_int=_whole, object_pairs_hook=_keyed)
"""Slower than `DECODER`, and used where that has found a constant."""


def fault(error: ValueError, text: str, at: int = 0) -> str:
    """One clause about what is wrong with the piece of JSON in a text that begins at a character."""
    if isinstance(error, json.JSONDecodeError):
        return f"broken JSON at character {error.colno} ({error.msg[0].lower() + error.msg[1:]})"
    if isinstance(error, _ConstantError):
        try:
            _SEEKING.raw_decode(text, at)
        except StrictnessError as keyed:
            return str(keyed)
        except ValueError:  # the text is broken further on
            return str(error)
    return str(error)


def object_fault(value: Any) -> str | None:
    """Why a value is no row; None when it is one.

    >>> object_fault(["a"])
    'a list where an object such as {"text": "...", "label": "..."} is needed'
    """
    if isinstance(value, dict) and value:
        return None
    kinds = {dict: "an empty object", list: "a list", str: "a text", bool: "a truth value", int: "a number", type(None): "null"}
    kind = kinds.get(type(value), "a number" if isinstance(value, float) else f"a {type(value).__name__}")
    return f'{kind} where an object such as {{"text": "...", "label": "..."}} is needed'
