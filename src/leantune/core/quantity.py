"""Quantities as people type them: 500k parameters, 2GB, 1.5 M, 90s."""

from __future__ import annotations

import re

from leantune.core.errors import SpecError

_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
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


def parse_pause(text: str, option: str) -> float | None:
    """Seconds between two things; None for never.

    >>> parse_pause("90s", "--checkpoint"), parse_pause("off", "--checkpoint")
    (90.0, None)

    Raises:
        SpecError: E-RANGE when it is no time.
    """
    if text.strip().lower() == "off":
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|min|h)\s*", text, re.IGNORECASE)
    if not match:
        raise SpecError(f'{option} "{text}" is no time. Write for example 30s, 5min or off.', "E-RANGE")
    return float(match[1]) * _SECONDS[match[2].lower()]


def _parse(text: str | None, option: str, unit: str, example: str) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(rf"\s*(\d+(?:\.\d+)?)\s*([kmgt]?){unit}\s*", text, re.IGNORECASE)
    number = float(match[1]) if match else 0.0
    value = round(number * _FACTORS[match[2].lower()]) if match and number < _MOST else 0
    if value <= 0:
        raise SpecError(f'{option} "{text}" is no positive quantity. Write for example {example}.', "E-RANGE")
    return value
