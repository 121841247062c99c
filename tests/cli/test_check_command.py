"""`leantune check` as a user sees it: plain lines, JSON, one clear error."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from leantune.cli import _options as option
from leantune.cli import check
from leantune.cli.main import build, main
from leantune.core.errors import SpecError
from leantune.core.records import CheckReport
from leantune.data.dataset import prepare
from leantune.data.lengths import Ruler
from leantune.data.pieces._pieces import Room
from leantune.report.html import render_html
from leantune.testing.comparisons import example_comparison


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def counting(model: str, max_length: int | None, max_target_length: int | None, long: str) -> check.Counting:
        ruler = Ruler(lambda texts, pairs: [len(text.split()) for text in texts], Room(max_length or 16, max_target_length or 0))
        return check.Counting(lambda dataset: ruler, model)

    monkeypatch.setattr(check, "_counting", counting)
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
    assert "(counted by minilm)" in result.output
    assert any(line.startswith("warning: 24 test rows can show") for line in lines)


def test_shares_of_tags_are_shares_of_words(tickets: Path) -> None:
    rows = [{"tokens": ["Mia", "Li", f"sings{i}", "."], "tags": ["B-PER", "I-PER", "O", "O"]} for i in range(40)]
    path = tickets.with_name("tags.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    lines = CliRunner().invoke(build(), ["check", str(path)]).output.splitlines()
    assert any(line.split()[:3] == ["O", "48", "(50%)"] for line in lines)


def test_shares_of_several_labels_are_shares_of_rows_in_the_check_and_in_the_report(tickets: Path, tmp_path: Path) -> None:
    rows = [{"text": f"row {i} says", "labels": [["a"], ["a", "b"], ["b", "c"], []][i % 4]} for i in range(40)]
    path = tmp_path / "several.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shown = CliRunner().invoke(build(), ["check", str(path), "--split-seed", "1"]).output
    report = CheckReport.model_validate_json(CliRunner().invoke(build(), ["check", str(path), "--split-seed", "1", "--json"]).output)
    assert report.share("train", "a") == report.labels["train"]["a"] / report.splits["train"]
    html = render_html(example_comparison().model_copy(update={"check": report}))
    for label, count in report.labels["train"].items():
        share = 100 * report.share("train", label)
        assert f"{label} {count} ({share:.0f}%)" in " ".join(shown.split())
        assert f'{count} <span class="soft">{share:.1f} %' in html


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


def test_the_split_seed_cuts_other_rows(tickets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leantune.data import dataset

    seeds = []
    real = dataset.prepare
    monkeypatch.setattr(dataset, "prepare", lambda *args, seed, **kwargs: seeds.append(seed) or real(*args, seed=seed, **kwargs))
    assert CliRunner().invoke(build(), ["check", str(tickets), "--split-seed", "7"]).exit_code == 0
    assert seeds == [7]


def test_tokens_are_counted_by_the_base(tiny: Any, tmp_path: Path) -> None:
    counting = check._counting(str(tiny("bert")), 12, None, "head")
    assert counting.ruler is not None
    ruler = counting.ruler(prepare([{"text": f"hello {n}", "label": "ab"[n % 2]} for n in range(60)], tmp_path))
    assert (ruler.room, counting.told) == (Room(12), str(tiny("bert")))
    assert ruler.count(["hello", "hello hello"], None)[1] > ruler.count(["hello"], None)[0] > 2


def test_every_task_of_a_file_is_checked(tickets: Path, tmp_path: Path) -> None:
    mix = tmp_path / "mix.yaml"
    mix.write_text(f"tasks:\n - {{name: first, file: {tickets.name}}}\n - {{name: second, file: {tickets.name}, label: queue}}")
    shown = CliRunner().invoke(build(), ["check", str(mix)])
    assert shown.exit_code == 0, shown.output
    assert shown.output.index("first") < shown.output.index("second")
    assert shown.output.count("tokens per row") == 2
    reports = json.loads(CliRunner().invoke(build(), ["check", str(mix), "--json"]).output)
    assert {name: sum(report["splits"].values()) for name, report in reports.items()} == {"first": 120, "second": 120}
    mix.write_text(f"tasks:\n - {{name: good, file: {tickets.name}}}\n - {{name: lost, file: gone.csv}}\n - {{name: else, file: a.csv}}")
    broken = CliRunner().invoke(build(), ["check", str(mix)])
    assert "2 problems" in str(broken.exception)
    assert "task lost: " in str(broken.exception)
    assert "good" in broken.output, "what can be read is checked"
    assert "--label is of one task" in str(CliRunner().invoke(build(), ["check", str(mix), "--label", "queue"]).exception)


@pytest.mark.parametrize(("family", "rooms"), [("llama", 1), ("t5", 0)])
def test_targets_that_are_cut_are_counted(tiny: Any, tmp_path: Path, family: str, rooms: int) -> None:
    """`rooms`: a decoder reads and writes in one piece, an encoder-decoder has room for both."""
    rows = [{"source": f"the movie was {n}", "target": "good " * (40 if n < 30 else 2)} for n in range(120)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    command = ["check", str(path), "--task", "translation", "--model", str(tiny(family)), "--max-length", "64", "--max-target-length", "20"]
    report = json.loads(CliRunner().invoke(build(), [*command, "--json"]).output)
    assert report["truncated_targets"] == 0.25
    assert report["target_length"] == 20
    assert report["max_length"] == 64 - rooms * 21, "one token stands between source and target of a decoder"
    assert [one["kind"] for one in report["findings"] if one["severity"] == "warning" and "target" in one["message"]] == [
        "truncated_targets"
    ]
    shown = CliRunner().invoke(build(), command).output
    assert "tokens per target: " in shown
    assert "longer than 20 and cut: 25.0%" in shown


def test_conversations_that_lose_turns_are_counted_as_they_are_read(tiny: Any, tmp_path: Path) -> None:
    def turns(row: int, number: int) -> list[dict[str, str]]:
        return [{"role": ("user", "assistant")[n % 2], "content": f"day {row}"} for n in range(number)]

    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(json.dumps({"messages": turns(n, 20 if n < 60 else 2)}) for n in range(120)))
    command = ["check", str(path), "--model", str(tiny("llama")), "--max-length", "100", "--max-target-length", "20", "--json"]
    report = json.loads(CliRunner().invoke(build(), command).output)
    assert report["truncated_share"] == 0.5
    assert report["max_length"] == 80
    assert any(
        "50% of the rows are longer than 80 tokens and would lose their oldest turns" in one["message"] for one in report["findings"]
    )


def test_a_missing_default_base_is_no_error_but_a_named_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from leantune.models import base

    def missing(name: str, **options: Any) -> Any:
        raise SpecError(f"no {name}.", "E-MODEL")

    monkeypatch.setattr(base, "open_base", missing)
    assert check._counting(option.DEFAULT_MODEL, None, None, "head") == (None, "not counted: no minilm.")
    with pytest.raises(SpecError, match=r"no roberta-base\."):
        check._counting("roberta-base", None, None, "head")


def helped(annotated: Any) -> set[str]:
    """The names that a help text lists: "Score: this, that or other; more about it."."""
    listed = get_args(annotated)[1].help.rpartition(": ")[2].partition(";")[0]
    return set(re.findall(r"\w+", listed)) - {"or"}


def test_help_texts_list_what_the_owners_know() -> None:
    """The help must not import torch, so it repeats the lists; here they are compared."""
    from leantune.app.options import Options
    from leantune.execution.optimizers import SCHEDULES, optimizer_names

    assert helped(option.Schedule) == set(SCHEDULES)
    assert helped(option.Optimizer) <= set(optimizer_names())
    assert Options().model == option.DEFAULT_MODEL
