"""Comparisons of tasks that write texts, and of language models; tiny bases, a few steps, artifacts proven in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from leantune.cli.main import build

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("proof_here")]


def run(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words))


def test_two_methods_are_compared_on_how_they_translate(tiny: Callable[[str], Path], swapped: Path, tmp_path: Path) -> None:
    methods = "full(lr=3e-3),lora(lr=1e-2)"
    words = ["compare", str(swapped), "--model", str(tiny("t5")), "--methods", methods, "--seeds", "1", "--budget", "12steps"]
    done = run(*words, "--out", str(tmp_path / "run"))
    assert done.exit_code in (0, 3), done.output
    assert " besides: chrf " in done.output, "other scores stand beside BLEU"
    found = json.loads((tmp_path / "run" / "comparison.json").read_text(encoding="utf-8"))
    names = {row["name"] for row in found["methods"]}
    assert {"full(lr=0.003)", "lora(lr=0.01)"} <= names
    assert found["study"]["metric"] == "bleu"
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "translation" in page
    seen = found["inspection"]
    assert len(seen["typical"]) == 8
    assert seen["learned"] == [], "an encoder-decoder reads the source apart"


@pytest.mark.parametrize("method", ["lora", "prompt(tokens=4)"])
def test_chats_are_compared_and_show_what_is_learned(tiny: Callable[[str], Path], chats: Path, tmp_path: Path, method: str) -> None:
    words = ["compare", str(chats), "--model", str(tiny("gpt2")), "--methods", method, "--seeds", "1", "--budget", "12steps"]
    done = run(*words, "--max-length", "96", "--out", str(tmp_path / "run"))
    assert done.exit_code in (0, 3), done.output
    assert ": dev likelihood " in done.output, "races go by likelihood, and say so"
    learned = json.loads((tmp_path / "run" / "comparison.json").read_text(encoding="utf-8"))["inspection"]["learned"]
    rows = [json.loads(line)["messages"] for line in chats.read_text(encoding="utf-8").splitlines()]
    for one in learned:
        said = [turn["content"] for turn in rows[one["row"] - 1] if turn["role"] == "assistant"]
        marked = [piece["text"].replace("<|endoftext|>", "").strip() for piece in one["pieces"] if piece["kind"] == "learned"]
        assert marked == said


@pytest.mark.parametrize(("task", "family"), [("causal_lm", "gpt2"), ("masked_lm", "bert")])
def test_language_models_are_compared_and_show_samples(
    tiny: Callable[[str], Path], corpus: Path, tmp_path: Path, task: str, family: str
) -> None:
    words = ["compare", str(corpus), "--task", task, "--model", str(tiny(family)), "--methods", "full(lr=3e-3)", "--seeds", "1"]
    done = run(*words, "--budget", "12steps", "--out", str(tmp_path / "run"))
    assert done.exit_code == 0, done.output
    assert "perplexity" in done.output
    seen = json.loads((tmp_path / "run" / "comparison.json").read_text(encoding="utf-8"))["inspection"]
    assert len(seen["samples"]) == 6
    assert seen["errors"]["perplexity"] == pytest.approx(1 / seen["scores"]["likelihood"])
