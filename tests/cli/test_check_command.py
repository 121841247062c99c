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


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def counter(model: str, max_length: int | None) -> tuple[object, int, str]:
        return (lambda texts, pairs: [len(text.split()) for text in texts]), max_length or 16, model

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
    assert "(counted by minilm)" in result.output
    assert any(line.startswith("warning: 24 test rows can show") for line in lines)


def test_shares_of_tags_are_shares_of_words(tickets: Path) -> None:
    rows = [{"tokens": ["Mia", "Li", f"sings{i}", "."], "tags": ["B-PER", "I-PER", "O", "O"]} for i in range(40)]
    path = tickets.with_name("tags.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    lines = CliRunner().invoke(build(), ["check", str(path)]).output.splitlines()
    assert any(line.split()[:3] == ["O", "48", "(50%)"] for line in lines)


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


def test_tokens_are_counted_by_the_base(tiny: Any) -> None:
    counter, longest, name = check._token_counter(str(tiny("bert")), 12)
    assert counter is not None
    assert (longest, name) == (12, str(tiny("bert")))
    assert counter(["hello", "hello hello"], None)[1] > counter(["hello"], None)[0] > 2


def test_a_missing_default_base_is_no_error_but_a_named_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from leantune.models import base

    def missing(name: str, **options: Any) -> Any:
        raise SpecError(f"no {name}.", "E-MODEL")

    monkeypatch.setattr(base, "open_base", missing)
    assert check._token_counter(option.DEFAULT_MODEL, None) == (None, None, "not counted: no minilm.")
    with pytest.raises(SpecError, match=r"no roberta-base\."):
        check._token_counter("roberta-base", None)


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
