"""Values become texts and stay what they were: `"01"` and `"1"` differ, 1 is "1", 1.0 is "1.0", true is "true".

Missing values (null, NaN, NaT, pandas' NA) become None. Nothing is guessed: the texts "NA", "None" and "nan" are texts.
"""

from __future__ import annotations

import json
from typing import Any

_MISSING_TYPES = frozenset({"NAType", "NaTType"})


class WrittenFloat(float):
    """A float that remembers how it was written in a JSON file: 1e3 stays "1e3".

    Attributes:
        text: the characters in the file.
    """

    text: str

    def __new__(cls, text: str) -> WrittenFloat:
        """Parse `text` and keep it."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def to_text(value: Any) -> str | None:
    """The text of a value of any file format; None where the value is missing.

    >>> [to_text(value) for value in (1, 1.0, True, "01", float("nan"), ["a"])]
    ['1', '1.0', 'true', '01', None, '["a"]']
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return None
        return value.text if isinstance(value, WrittenFloat) else repr(float(value))
    if is_nested(value):
        return json.dumps(value.tolist() if hasattr(value, "tolist") else value, ensure_ascii=False, default=str)
    if type(value).__name__ in _MISSING_TYPES:
        return None
    if hasattr(value, "item") and type(value).__module__ == "numpy":
        return to_text(value.item())
    return str(value)


def kind_of(value: Any) -> str:
    """Which JSON kind a value had: text, number, bool, null or json (lists and objects)."""
    if is_nested(value):
        return "json"
    if value is None or value != value:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else "text"


def is_nested(value: Any) -> bool:
    """Whether a value is a list or an object (a NumPy array counts as a list).

    >>> [is_nested(value) for value in (["a"], {"a": 1}, "a", 1.0, None)]
    [True, True, False, False, False]
    """
    return isinstance(value, dict | list | tuple) or getattr(value, "ndim", 0) > 0


def is_missing(text: str | None) -> bool:
    """Whether a label counts as missing: null, empty or only white space."""
    return text is None or not text.strip()
