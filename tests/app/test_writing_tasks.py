"""Tasks that write texts, and language models, from a file to an artifact that predicts and is scored; tiny bases, a few steps."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.cli.main import build

pytestmark = pytest.mark.slow


def run(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words))


def trained(folder: Path, file: Path, base: Path, *options: str) -> str:
    words = ["train", str(file), "--model", str(base), "--budget", "12steps", "--out", str(folder), "--quiet", *options]
    done = run(*words)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("family", "method"), [("t5", "full(lr=3e-3)"), ("bart", "prefix(tokens=4,lr=1e-2)"), ("gpt2", "prompt(tokens=4,lr=1e-2)")]
)
def test_a_translation_from_two_files_to_an_artifact(
    tiny: Callable[[str], Path], swapped: Path, tmp_path: Path, family: str, method: str
) -> None:
    trained(tmp_path / "run", swapped, tiny(family), "--method", method, "--beams", "2", "--max-length", "64")
    best = tmp_path / "run" / "best"
    manifest = read_manifest(best)
    assert manifest.facts.task == "translation"
    assert manifest.facts.decoding is not None
    assert manifest.facts.decoding.beams == 2
    assert "predict.py" in manifest.loads_in
    assert ("transformers" if method.startswith("full") else "peft") in manifest.loads_in
    out = tmp_path / "out.csv"
    done = run("predict", str(best), str(swapped).replace("{en,de}", "{en}"), "-o", str(out))
    assert done.exit_code == 0, done.output
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows[:4]] == [found.label for found in lt.load(best).predict([row["en"] for row in rows[:4]])]
    scored = run("evaluate", str(best), str(swapped), "--json")
    assert scored.exit_code == 0, scored.output
    assert {"bleu", "chrf", "rougeL"} <= set(json.loads(scored.output)["metrics"])


def test_a_chat_from_messages_to_an_artifact(tiny: Callable[[str], Path], chats: Path, tmp_path: Path) -> None:
    trained(tmp_path / "run", chats, tiny("gpt2"), "--method", "lora(lr=1e-2)", "--max-length", "96")
    best = tmp_path / "run" / "best"
    assert read_manifest(best).facts.task == "chat"
    assert {"leantune", "predict.py", "peft"} <= set(read_manifest(best).loads_in)
    turns = [{"role": "user", "content": "what a good card"}]
    one, same = lt.load(best).predict([turns, "what a good card"])  # type: ignore[list-item]
    assert one == same, "a text is what the user says"
    assert run("evaluate", str(best), str(chats), "--json").exit_code == 0


@pytest.mark.parametrize(
    ("task", "family", "options"),
    [("causal_lm", "gpt2", ()), ("masked_lm", "bert", ("--masking", "static")), ("masked_lm", "bert", ())],
)
def test_a_language_model_goes_on_learning_and_is_a_base_again(
    tiny: Callable[[str], Path], corpus: Path, tmp_path: Path, task: str, family: str, options: tuple[str, ...]
) -> None:
    trained(tmp_path / "run", corpus, tiny(family), "--task", task, "--method", "full(lr=3e-3)", *options)
    best = tmp_path / "run" / "best"
    assert set(read_manifest(best).loads_in) == {"leantune", "predict.py", "transformers"}
    scored = run("evaluate", str(best), str(corpus), "--json")
    assert scored.exit_code == 0, scored.output
    metrics = json.loads(scored.output)["metrics"]
    assert metrics["perplexity"] == pytest.approx(1 / metrics["likelihood"])
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "".join(f"{word} card {n},{word}\n" for n in range(30) for word in ("good", "bad")), encoding="utf-8")
    trained(tmp_path / "next", rows, best, "--method", "full")
    assert "label" in str(lt.load(tmp_path / "next" / "best").predict(["good card"])[0])


@pytest.mark.parametrize("method", ["lora(lr=3e-3)", "bitfit(lr=3e-3)"])
def test_an_adapter_of_a_masked_model_is_one_for_plain_peft_too(
    tiny: Callable[[str], Path], corpus: Path, tmp_path: Path, method: str
) -> None:
    trained(tmp_path / "run", corpus, tiny("bert"), "--task", "masked_lm", "--method", method)
    best = tmp_path / "run" / "best"
    assert set(read_manifest(best).loads_in) == {"leantune", "predict.py", "peft"}
    assert "PeftModel.from_pretrained(base" in (best / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("family", "mask"), [("bert", "[MASK]"), ("roberta", "<mask>")])
def test_masks_are_filled_alike_by_leantune_and_by_the_script(
    tiny: Callable[[str], Path], corpus: Path, tmp_path: Path, family: str, mask: str
) -> None:
    trained(tmp_path / "run", corpus, tiny(family), "--task", "masked_lm", "--method", "lora(lr=3e-3)")
    best, texts = tmp_path / "run" / "best", [f"the {mask} card and the good {mask}", "the good card", f"{mask} " * 200]
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    done = run("predict", str(best), str(rows), "-o", str(tmp_path / "out.csv"))
    assert done.exit_code == 0, done.output
    script = subprocess.run(
        [sys.executable, str(best / "predict.py"), "--file", str(rows)], capture_output=True, encoding="utf-8", check=True
    )
    ours, theirs = (list(csv.DictReader(io.StringIO(text))) for text in ((tmp_path / "out.csv").read_text(encoding="utf-8"), script.stdout))
    assert [row["label"] for row in ours] == [row["label"] for row in theirs] == [one.label for one in lt.load(best).predict(texts)]
    assert [float(row["score"]) for row in ours] == pytest.approx([float(row["score"]) for row in theirs], abs=1e-5)
    filled, judged, long = ours
    assert re.fullmatch("the.+ card and the good.+", filled["label"]), "a token may go on with the word before its mask"
    assert mask not in filled["label"] + long["label"]
    assert judged["label"].startswith("perplexity ")


def test_spans_that_were_taken_out_are_judged_by_leantune_alone_and_the_card_says_so(
    tiny: Callable[[str], Path], corpus: Path, tmp_path: Path
) -> None:
    trained(tmp_path / "run", corpus, tiny("t5-spans"), "--task", "span_corruption", "--method", "full(lr=3e-3)")
    best = tmp_path / "run" / "best"
    assert not (best / "predict.py").exists()
    assert "There is no `predict.py`" in (best / "README.md").read_text(encoding="utf-8")
