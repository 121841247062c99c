"""A delta that one process stores, another one reads: the predictions are the same, for all methods over several families."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_laws import METHODS, SHORT, _unsupported

from leantune.models.base import open_base
from leantune.models.delta import write_delta
from leantune.testing.trial_run import start

FAMILIES = ("sentence-bert", "deberta-v2", "modernbert", "gpt2", "qwen2")
READER = """
import json, sys, torch
from pathlib import Path
from leantune.models.base import open_base
from leantune.models.delta import read_delta
from leantune.testing.trial_run import HEAD, ROWS, encode, logits
for base, delta in json.loads(sys.argv[1]):
    opened = open_base(base)
    network = read_delta(opened, Path(delta), HEAD, merge=False)
    torch.save(logits(network, encode(opened, [text for text, _ in ROWS])), Path(delta) / "logits.pt")
"""


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_logits(tiny, tmp_path: Path) -> None:
    expected = {}
    for family in FAMILIES:
        for name in METHODS:
            if family not in _unsupported(name):
                run = start(SHORT.get(name, name), open_base(str(tiny(family))))
                folder = tmp_path / family / name
                write_delta(run.network, run.adaptation, run.base, folder)
                expected[str(tiny(family)), str(folder)] = run.end_logits
    subprocess.run([sys.executable, "-c", READER, json.dumps(list(expected))], check=True, capture_output=True)
    for (_, folder), logits in expected.items():
        torch.testing.assert_close(torch.load(Path(folder) / "logits.pt"), logits, atol=1e-6, rtol=0, msg=folder)
