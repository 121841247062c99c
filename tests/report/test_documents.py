"""What lies on disk after `leantune report`: three documents, no torch, one clear line for each trouble."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from made_up import example, hostile, with_choice, with_methods, without_full, without_measurements

from leantune.core.errors import ArtifactError
from leantune.report import chart
from leantune.report.chart import write_chart
from leantune.report.markdown import render_markdown
from leantune.report.write import read_comparison, write_documents, write_report


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "comparison.json").write_text(example().model_dump_json(), encoding="utf-8")
    return tmp_path


def test_three_documents_are_written(run_folder: Path) -> None:
    notes: list[str] = []
    assert {path.name for path in write_report(run_folder, note=notes.append).values()} == {"report.html", "report.md", "chart.png"}
    assert notes == []
    assert (run_folder / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert "chart.png" in (run_folder / "report.html").read_text(encoding="utf-8")
    assert (run_folder / "report.html").stat().st_mode & 0o044 == 0o044 & ~_umask()


def _umask() -> int:
    import os

    old = os.umask(0)
    os.umask(old)
    return old


def test_another_folder_can_be_chosen(run_folder: Path, tmp_path: Path) -> None:
    write_report(run_folder, tmp_path / "new" / "place")
    assert (tmp_path / "new" / "place" / "report.md").exists()
    assert not (run_folder / "report.md").exists()


def test_neither_the_report_nor_the_command_needs_torch(run_folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from leantune.cli.report import command\n"
        f"command(Path({str(run_folder)!r}))\n"
        "heavy = {'torch', 'transformers', 'peft', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no comparison.json"),
        ("{", "damaged, not JSON"),
        ("[]", "is damaged"),
        ('{"version": 99}', "of version 99"),
        ('{"version": 1}', "command: Field required"),
    ],
)
def test_a_missing_or_damaged_comparison_is_one_clear_error(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "comparison.json").write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match=words) as caught:
        read_comparison(tmp_path)
    assert caught.value.code == "E-RUN"


def test_a_folder_that_does_not_exist_is_told_from_an_unfinished_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no such run folder"):
        read_comparison(tmp_path / "nowhere")


def test_markdown_has_the_sentence_a_row_for_each_method_and_the_command() -> None:
    comparison = example()
    text = render_markdown(comparison)
    assert comparison.choice.reason in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(comparison.methods)
    assert {line.count(" | ") for line in table} == {9}
    assert f"```sh\n{comparison.command}\n```" in text


def test_markdown_tells_the_choice_the_reference_and_the_proof() -> None:
    assert render_markdown(example()).startswith("# tickets.csv: ship `bitfit`\n")
    assert "| Difference to full, points |" in render_markdown(example())
    assert "| Difference to lora(rank=8), points |" in render_markdown(without_full())
    proof = "reloaded through peft: same predictions on 32 rows"
    assert f"checked after saving: {proof}." in render_markdown(with_choice(proof=proof))
    assert "checked after saving" not in render_markdown(example())


def test_hostile_text_cannot_break_the_markdown_table() -> None:
    text = render_markdown(hostile("a | b `c` <script> ``` \n # d"))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(hostile().methods)
    assert "\\<script\\>" in text
    assert "\n# d" not in text


@pytest.mark.parametrize("shape", ["example", "many", "hostile", "mathematics"])
def test_the_chart_is_drawn_in_every_shape(tmp_path: Path, shape: str) -> None:
    comparison = {
        "example": example,
        "many": lambda: with_methods(25),
        "hostile": hostile,
        "mathematics": lambda: hostile(r"$\frac{1$ _^"),
    }[shape]()
    assert write_chart(comparison, tmp_path / "chart.png") is None
    assert (tmp_path / "chart.png").stat().st_size > 5000


def test_no_chart_is_a_line_and_not_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no method has both" in (write_chart(without_measurements(), tmp_path / "chart.png") or "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert write_chart(example(), tmp_path / "chart.png") == chart.MISSING
    notes: list[str] = []
    assert set(write_documents(example(), tmp_path, note=notes.append)) == {"html", "markdown"}
    assert notes == [chart.MISSING]
    for name in ("report.html", "report.md"):
        assert "chart.png" not in (tmp_path / name).read_text(encoding="utf-8")
