"""A typo in a compressor is told before torch is loaded, which takes most of the time of a command that fails at once."""

from __future__ import annotations

import subprocess
import sys

TYPOS = {
    "full | quantize(int9)": "'int8', 'int4' or 'nf4'. Got 'int9'",
    "full | prune(nurons)": "Got 'nurons'",
    "full | prune(heads, by=l1)": "by=l1 is for weights",
    "full | shrink(layrs=4)": 'Closest: "layers"',
    "full | elastic(widhts=[1])": 'Closest: "widths"',
    "full | merge(rank=4)": 'no option "rank"',
    "full | shrnk": 'Closest: "shrink"',
    "full | quantize(int8) | merge": "nothing can stand behind quantize(int8)",
}
PROGRAM = """
import sys
from leantune.app.expressions import read_methods
from leantune.core.errors import LeantuneError
for method in sys.argv[1:]:
    try:
        read_methods([method])
    except LeantuneError as error:
        print(error.message.replace(chr(10), " "))
read_methods(["full | merge", "lora | shrink(layers=3) | quantize(int8)", "full | prune(neurons)", "full | elastic"])
print("torch" in sys.modules)
"""


def test_typos_are_told_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *TYPOS], capture_output=True, text=True, check=True)
    *told, heavy = done.stdout.splitlines()
    assert len(told) == len(TYPOS)
    assert [said for said, line in zip(TYPOS.values(), told, strict=True) if said not in line] == []
    assert heavy == "False"
