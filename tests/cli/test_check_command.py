"""`leantune check` as a user sees it: plain lines, JSON, one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leantune.cli import check
from leantune.cli.main import build, main


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def counter(model: str | None, max_length: int | None) -> tuple[object, int, str]:
        return (lambda texts, pairs: [len(text.split()) for text in texts]), max_length or 16, model or "minilm"

    monkeypatch.setattr(check, "_token_counter", counter)
    path = tmp_path / "tickets.csv"
    path.write_text(
        "message,queue\n" + "".join(f"[{i % 7}] ticket number {i} about it,{('billing', 'orders')[i % 2]}\n" for i in range(120))
    )
    return path


def test_plain_lines(tickets: Path) -> None:
    result = CliRunner().invoke(build(), ["check", str(tickets), "--max-length", "5"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "tickets.csv: 120 rows, 2 labels, classification"
    assert any(line.startswith('  label column: "queue" (') for line in lines)
    assert any("billing" in line and "36 (50%)" in line for line in lines)
    assert any("6 (p50)" in line and "longer than 5 and cut: 100.0%" in line for line in lines)
    assert any(line.startswith("warning: 24 test rows can show") for line in lines)


def test_json(tickets: Path) -> None:
    result = CliRunner().invoke(build(), ["check", str(tickets), "--text", "message", "--json"])
    report = json.loads(result.output)
    assert report["splits"] == {"train": 72, "dev": 24, "test": 24}
    assert report["length_quantiles"]["p50"] == 6


def test_a_mistake_is_one_message_and_exit_code_2(
    tickets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["leantune", "check", str(tickets), "--label", "queu"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith('error: tickets.csv: there is no column "queu" (--label). Closest: "queue".')
    assert "Traceback" not in message
