"""How text and numbers of the page are set: a real minus sign, units kept with their numbers, rates and moments in one form.

prose("-0.1 points, 90 %") -> "−0.1 points, 90 %" with a no-break space before the percent sign
"""

from __future__ import annotations

import re
from datetime import datetime

_HYPHEN = re.compile(r"(?<![\w-])-(?=\d)")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|[kMGT]|[kMGT]?B|ms|s|min|h|points?)(?!\w))")
_COUNTED = re.compile(r"(?<=\d\u00a0[kMGT]) (?=[a-z])")


def prose(text: object) -> str:
    """Text with minus signs for hyphens before numbers, and units that stay on their number's line."""
    return _COUNTED.sub("\u00a0", _UNIT.sub("\u00a0", _HYPHEN.sub("\u2212", str(text))))


def rate(value: float | None) -> str:
    """A learning rate, always as mantissa and power of ten.

    >>> [rate(v) for v in (5e-5, 0.00025, 0.01)]
    ['5e-5', '2.5e-4', '1e-2']
    """
    if value is None:
        return "same"
    mantissa, power = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(power)}"


def moment(iso: str) -> str:
    """An ISO time as people write it; anything else as it is.

    >>> moment("2026-01-01T12:00:00+00:00")
    '1 January 2026, 12:00 UTC'
    """
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{time.day} {time:%B %Y, %H:%M} {time.tzname() or ''}".strip()
