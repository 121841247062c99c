"""What rows lose is told, listed in a file, and refused above a share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leantune.app.options import Options
from leantune.cli.main import build
from leantune.core.errors import DataError
from leantune.data.dataset import load, prepare
from leantune.data.losses import FILE, MOST

ROWS = 40


def chats(path: Path, tails: int) -> Path:
    """Chats of which the first few go on behind the answer."""
    rows = [
        {
            "messages": [{"role": "user", "content": f"Hello {row}"}, {"role": "assistant", "content": f"Hi {row}"}]
            + [{"role": "user", "content": f"And {row}?"}] * (row < tails)
        }
        for row in range(ROWS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def listed(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_what_is_left_out_is_listed_with_its_rows_and_contents(tmp_path: Path) -> None:
    dataset = prepare(chats(tmp_path / "a.jsonl", 2), tmp_path / "out")
    assert any(str(line).startswith("turns behind the last one of the assistant: a.jsonl row 1, 2 (2 rows") for line in dataset.inferences)
    found = listed(tmp_path / "out" / FILE)
    assert [(line["file"], line["row"], line["what"]) for line in found] == [
        ("a.jsonl", row, "turns behind the last one of the assistant") for row in (1, 2)
    ]
    assert json.loads(found[1]["left_out"]) == [{"role": "user", "content": "And 1?"}]
    assert [str(line) for line in load(tmp_path / "out").inferences] == [str(line) for line in dataset.inferences], (
        "told again of kept data"
    )


def test_more_than_a_share_is_refused_unless_it_is_asked_for(tmp_path: Path) -> None:
    file = chats(tmp_path / "a.jsonl", 3)
    with pytest.raises(
        DataError, match=r"a.jsonl: 3 of 40 rows \(8%\) lose something, and at most 5% may: .*row 1, 2, 3.*--most-lost 0.08"
    ) as said:
        prepare(file, tmp_path / "out")
    assert said.value.code == "E-LOST"
    assert len(listed(tmp_path / "out" / FILE)) == 3, "the list is there to mend the file by"
    assert len(prepare(file, tmp_path / "out", most_lost=0.08).manifest.sizes) == 3
    prepare(chats(tmp_path / "a.jsonl", 0), tmp_path / "out")
    assert not (tmp_path / "out" / FILE).exists(), "nothing is lost any more"


def test_the_check_writes_the_list_also_of_what_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = str(chats(tmp_path / "a.jsonl", 4))
    asked = ["check", file, "--left-out", "lost.jsonl"]
    with pytest.raises(DataError, match="E-LOST"):
        CliRunner().invoke(build(), asked, catch_exceptions=False)
    assert [line["row"] for line in listed(Path("lost.jsonl"))] == [1, 2, 3, 4]
    shown = CliRunner().invoke(build(), [*asked, "--most-lost", "0.5"], catch_exceptions=False)
    assert shown.exit_code == 0
    Path("nowhere").write_text("")
    with pytest.raises(DataError, match=r"nowhere.*cannot be written"):
        CliRunner().invoke(build(), ["check", file, "--left-out", "nowhere/a.jsonl"], catch_exceptions=False)


def test_the_share_is_an_option_of_a_study() -> None:
    assert Options.of(most_lost=0.2).most_lost == 0.2
    assert Options().most_lost == MOST


@pytest.mark.parametrize(
    ("entities", "left_out"),
    [([[0, 9, "PER"], [4, 9, "LOC"]], "LOC Olsen"), ([[0, 9, "PER"]], None)],
)
def test_places_that_overlap(entities: list[Any], left_out: str | None, tmp_path: Path) -> None:
    rows = [{"text": f"Ann Olsen sings {row}", "entities": entities if not row else [[0, 3, "PER"]]} for row in range(ROWS)]
    rows += [{"text": f"Oslo is far {row}", "entities": [[0, 4, "LOC"]]} for row in range(ROWS)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepare(tmp_path / "a.jsonl", tmp_path / "out", task="tagging")
    kept = tmp_path / "out" / FILE
    assert (listed(kept)[0]["left_out"] if kept.exists() else None) == left_out


def test_blank_lines_and_columns_without_a_name_are_told(tmp_path: Path) -> None:
    rows = "".join(f"some text {row},{row % 2},x\n" for row in range(ROWS))
    (tmp_path / "a.csv").write_text(f"text,label,\n\n{rows}\n\n")
    said = [str(line) for line in prepare(tmp_path / "a.csv", tmp_path / "out").inferences]
    assert "columns without a name: unnamed_3 (a.csv: they are called by their place)" in said
    assert "blank lines: a.csv line 2 (1 line; they are no rows)" in said, "those at the end are usual"
    (tmp_path / "b.jsonl").write_text("".join(f'{{"text": "a {row}", "label": "{row % 2}"}}\n\n' for row in range(ROWS)))
    said = [str(line) for line in prepare(tmp_path / "b.jsonl", tmp_path / "out").inferences]
    assert "blank lines: b.jsonl line 2, 4, 6, 8, 10, 12 (33 more) (39 lines; they are no rows)" in said


def test_labels_of_several_kinds_that_become_one_are_told(tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"some text {row}", "label": [1, "1", 2][row % 3]}) for row in range(ROWS)]
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    dataset = prepare(tmp_path / "a.jsonl", tmp_path / "out")
    assert dataset.labels == ["1", "2"]
    said = 'kinds of values in "label": numbers and texts (a.jsonl: all are read as texts, so 1 and "1" are one label)'
    assert said in map(str, dataset.inferences)
