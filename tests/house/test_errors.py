"""Every error code has its paragraph, and the codes in the source are known."""

import re
from pathlib import Path

from leantune.core.errors import CODES

ROOT = Path(__file__).parents[2]


def test_every_code_has_a_paragraph() -> None:
    documented = set(re.findall(r"^## (E-[A-Z]+)", (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert documented == set(CODES)


def test_codes_in_the_source_are_known() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        for code in re.findall(r'"(E-[A-Z]+)"', path.read_text(encoding="utf-8")):
            assert code in CODES, f"{path.name}: {code}"
