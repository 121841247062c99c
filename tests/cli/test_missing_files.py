"""Files that are not there are told at once, all together, before the libraries are loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leantune.core.errors import DataError
from leantune.data.locate import refuse_missing

_CODE = """
import sys
import psutil
from leantune.cli.main import build
from leantune.core.errors import DataError
try:
    build()(sys.argv[1:], standalone_mode=False)
except DataError as error:
    print(error)
assert "torch" not in sys.modules
assert not psutil.Process().children(), "the worker that was started first has ended"
"""


@pytest.mark.parametrize("command", [["compare"], ["train", "--method", "lora"]])
def test_all_are_told_before_anything_is_loaded(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text("text,label\nhello,good\n", encoding="utf-8")
    given = [*command, "tickts.csv", "--dev=tickets.csv", "--test=new=week.jsonl", "--test=old=tickets.csv", "--unlabelled=more.txt"]
    ran = subprocess.run([sys.executable, "-c", _CODE, *given], cwd=tmp_path, check=True, capture_output=True, text=True, encoding="utf-8")
    assert 'tickts.csv: there is no such file. Closest: "tickets.csv"' in ran.stdout
    assert "week.jsonl: there is no such file" in ran.stdout
    assert "more.txt: there is no such file" in ran.stdout
    assert "3 problems" in ran.stdout


def test_what_may_be_elsewhere_is_left_alone(tmp_path: Path) -> None:
    refuse_missing(["owner/name", "owner/name:config", "imdb", str(tmp_path), str(tmp_path / "train.{de,en}")])
    with pytest.raises(DataError, match="no such file"):
        refuse_missing([str(tmp_path / "week.csv")])
