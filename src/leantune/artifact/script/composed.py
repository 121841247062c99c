"""The script's part for columns that are made of others."""

from __future__ import annotations

import re
import sys
from typing import Any

from leantune.data.composed import cell_of


def column(rows: list[dict[str, Any]], name: str) -> list[str]:
    """One column as texts; "a + b", "a | b" and "a.key" are made of what they name."""
    parts = [name] if name in rows[0] else re.split(r" *[|+] *", name)
    for part in parts:
        if part not in rows[0] and part.rpartition(".")[0] not in rows[0]:
            sys.exit(f'error: there is no column "{part}". Columns: {", ".join(rows[0])}. Choose with --text and --text-pair.')
    return [cell_of(row, name) or "" for row in rows]
