"""Quantities as people type them: 500k parameters, 2GB, 1.5 M."""

from __future__ import annotations

import re

from leantune.core.errors import SpecError

_MOST = 1e18
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_count(text: str | None, option: str) -> int | None:
    """A count.

    >>> parse_count("500k", "--max-trainable")
    500000

    Raises:
        SpecError: E-RANGE when it is no positive quantity.
    """
    return _parse(text, option, r"", "500k")


def parse_size(text: str | None, option: str) -> int | None:
    """Bytes; decimal, as disks are sold.

    >>> parse_size("2GB", "--max-memory")
    2000000000

    Raises:
        SpecError: E-RANGE when it is no positive quantity.
    """
    return _parse(text, option, r"i?b?", "2GB")


def _parse(text: str | None, option: str, unit: str, example: str) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(rf"\s*(\d+(?:\.\d+)?)\s*([kmgt]?){unit}\s*", text, re.IGNORECASE)
    number = float(match[1]) if match else 0.0
    value = round(number * _FACTORS[match[2].lower()]) if match and number < _MOST else 0
    if value <= 0:
        raise SpecError(f'{option} "{text}" is no positive quantity. Write for example {example}.', "E-RANGE")
    return value
