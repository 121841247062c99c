"""Texts that are longer than the model reads, from a file to an artifact: what decides may stand anywhere in them."""

from __future__ import annotations

import csv
import random
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import leantune as lt
from leantune.app.train import told_cuts
from leantune.artifact.manifest import read_manifest
from leantune.cli.main import build
from leantune.core.errors import ArtifactError, SpecError
from leantune.data.telling import KNOWN

GOOD, BAD = ["great", "good", "nice", "love"], ["awful", "bad", "sad", "hate"]
FILLER = ["the", "movie", "was", "a", "book", "day", "food", "card", "very", "this"]
LEARN = "full(lr=0.01)"


def long_rows(number: int, place: str) -> list[dict[str, str]]:
    """Reviews of ten sentences, one of which says what it is: the last one, or any in the middle."""
    draw, rows = random.Random(0), []
    for at in range(number):
        label = ("good", "bad")[at % 2]
        sentences = [" ".join(draw.choices(FILLER, k=draw.randint(3, 5))) + " ." for _ in range(9)]
        said = f"it was {draw.choice(GOOD if label == 'good' else BAD)} ."
        sentences.insert(9 if place == "end" else draw.randint(3, 6), said)
        rows.append({"text": " ".join(sentences), "label": label})
    return rows


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    def write(place: str) -> Path:
        path = tmp_path_factory.mktemp(place) / "reviews.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["text", "label"])
            writer.writeheader()
            writer.writerows(long_rows(240, place))
        return path

    return write


def trained(file: Any, base: str, run: Path, long: Any, method: str = LEARN, budget: str = "60steps", **options: Any) -> tuple[Any, Path]:
    opened = lt.study(file, model=base, out=run, long=long, max_length=16, budget=budget, batch=16, quiet=True, **options)
    return lt.train(opened, method, run / "best"), run / "best"


@pytest.mark.parametrize(
    ("long", "place", "learns"),
    [
        ("head", "end", False),
        ("tail", "end", True),
        ("both", "end", True),
        ("windows(pool=max)", "middle", True),
        ("select", "middle", True),
    ],
)
def test_what_is_read_is_what_can_be_learned(
    reviews: Callable[[str], Path], base: str, tmp_path: Path, long: str, place: str, learns: bool, proof_here: None
) -> None:
    record, best = trained(reviews(place), base, tmp_path / "run", long, budget="150steps")
    assert (record.scores.test > 0.8) == learns, record.scores
    assert read_manifest(best).facts.long == long
    said = lt.load(best).predict([row["text"] for row in long_rows(8, place)])
    if learns:
        assert [one.label for one in said] == ["good", "bad"] * 4


@pytest.mark.parametrize(
    ("long", "method", "words"),
    [
        pytest.param("compress", "lora(lr=0.01)", {}, marks=pytest.mark.slow),
        ("compress", "full", {}),
        ("compress", "cloze | lora(lr=0.01)", {"prompt": "{text} it was {mask}", "labels": "good=great, bad=hate"}),
        pytest.param(
            "head",
            "cloze(calibrate=true) | frozen",
            {"prompt": "{text:compress} it was {mask}", "labels": "good=great, bad=hate"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_the_base_expected_is_left_out_everywhere_alike(
    tiny_lm: Callable[[str], Path], reviews: Callable[[str], Path], tmp_path: Path, long: str, method: str, words: Any, proof_here: None
) -> None:
    """The proof after saving reads long rows by leantune and by `predict.py`, which ask the base as it was before the training."""
    opened = lt.study(
        reviews("middle"),
        model=str(tiny_lm("gpt2")),
        out=tmp_path / "run",
        long=long,
        max_length=16,
        budget="10steps",
        quiet=True,
        **words,
    )
    lt.train(opened, method, tmp_path / "best")
    manifest = read_manifest(tmp_path / "best")
    assert "predict.py" in manifest.loads_in
    assert "transformers" not in manifest.loads_in
    assert manifest.facts.compresses
    assert "as it was before the training" in (tmp_path / "best" / "README.md").read_text()
    texts = [row["text"] for row in long_rows(6, "middle")]
    said = lt.load(tmp_path / "best").predict(texts)
    script = runpy.run_path(str(tmp_path / "best" / "predict.py"))
    for (label, score), one in zip(script["predict"](script["load_model"](None), texts, None), said, strict=True):
        assert label == one.label
        assert score == pytest.approx(one.score, abs=1e-4)
    if method.startswith("lora"):
        merged = lt.load(lt.export(tmp_path / "best", "merged", tmp_path / "merged")).predict(texts)
        assert [one.score for one in merged] == pytest.approx([one.score for one in said], abs=1e-4)
    if not words:
        (line,) = told_cuts(opened)
        assert "the words that tell the most are read (--long compress)" in line


def test_a_filter_that_asks_a_decoder_is_refused_elsewhere(
    tiny_lm: Callable[[str], Path], reviews: Callable[[str], Path], tmp_path: Path
) -> None:
    words = {"prompt": "{text:compress} it was {mask}", "labels": "good=great, bad=awful"}
    with pytest.raises(SpecError, match=r"compress leaves words out, and .* is no decoder.* Use head, tail or both"):
        trained(reviews("end"), str(tiny_lm("bert")), tmp_path / "run", "head", "cloze | frozen", **words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "long", "method", "ways"),
    [
        ("sentence-bert", "tail", "lora(lr=0.01)", 3),
        ("roberta", "tail", "lora(lr=0.01)", 3),
        ("sentence-bert", "both(first=0.5)", "head", 2),
        ("bert", "windows(stride=5, most=2, pool=max)", "bitfit", 2),
        ("gpt2", "windows", "lora(lr=0.01)", 2),
        ("sentence-bert", "select", "prompt(tokens=2)", 2),
    ],
)
def test_artifacts_read_long_rows_alike_everywhere(
    tiny: Callable[[str], Path], reviews: Callable[[str], Path], tmp_path: Path, family: str, long: str, method: str, ways: int
) -> None:
    _, best = trained(reviews("middle"), str(tiny(family)), tmp_path / "run", long, method, "10steps")
    manifest = read_manifest(best)
    assert len(manifest.loads_in) == ways, manifest.loads_in
    assert manifest.proof is not None
    assert (best / KNOWN).is_file() == (long == "select")
    if method.startswith("lora"):
        merged = lt.export(best, "merged", tmp_path / "merged")
        texts = [row["text"] for row in long_rows(6, "middle")]
        for one, other in zip(lt.load(best).predict(texts), lt.load(merged).predict(texts), strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)


def rows_of(task: str) -> list[dict[str, Any]]:
    draw = random.Random(1)

    def text(size: int) -> str:
        return " ".join(draw.choices(FILLER, k=size))

    made: dict[str, Callable[[int], dict[str, Any]]] = {
        "classification": lambda n: {"text": f"{n} {text(30)}", "label": ("good", "bad")[n % 2]},
        "tagging": lambda n: {"tokens": ["Mia", f"sings{n}", "."], "tags": ["B-PER", "O", "O"]},
        "translation": lambda n: {"source": f"{text(4)} {n}", "target": text(3)},
        "choice": lambda n: {"text": f"{text(4)} {n}", "choices": ["four", f"six{n}"], "answer": n % 2},
        "relation": lambda n: {"text": f"<e1>{text(1)}</e1> {n} <e2>{text(1)}</e2>", "label": ("a", "b")[n % 2]},
    }
    return [made[task](n) for n in range(120)]


@pytest.mark.parametrize(
    ("task", "long", "says"),
    [
        ("tagging", "windows", "long ones are read in overlapping pieces as it is"),
        ("translation", "tail", "are not texts that are read as a whole. Leave --long out"),
        ("choice", "select", "rows of choice are not texts that are read as a whole"),
        ("relation", "compress", "marks two places, which must stand in one piece. Use tail or both"),
        ("relation", "windows", "marks two places, which must stand in one piece. Use tail or both"),
        ("classification", "wndows", 'No way to read long texts "wndows". Closest: "windows"'),
        ("classification", {"text_pair": "tail"}, 'No field "text_pair". Closest: "text"'),
        ("classification", "compress", "is no decoder, so it cannot say how much each word tells. Use select"),
        ("classification", "windows(stride=15)", "a stride of 15 leaves gaps between windows of 14 tokens (16 with special ones). Use 10"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(tiny: Callable[[str], Path], tmp_path: Path, task: str, long: Any, says: str) -> None:
    base = str(tiny("t5" if task == "translation" else "sentence-bert"))
    length = 16 if task == "classification" else 64
    with pytest.raises(SpecError) as error:
        lt.study(rows_of(task), model=base, out=tmp_path / "run", task=task, long=long, max_length=length, quiet=True)
    assert says in error.value.message


def test_what_is_cut_and_how_to_change_it_is_told(reviews: Callable[[str], Path], base: str, tmp_path: Path) -> None:
    file = reviews("end")
    opened = {long: lt.study(file, model=base, out=tmp_path / long, long=long, max_length=16, quiet=True) for long in ("tail", "windows")}
    (line,) = told_cuts(opened["tail"])
    assert line.startswith("100% of the rows are longer than 16 tokens and would be cut: their end is read (--long tail), ")
    assert line.endswith("% of all tokens are not.")
    assert told_cuts(opened["windows"]) == [
        "100% of the rows are longer than 16 tokens; they are read in overlapping windows, so nothing is lost (--long windows)."
    ]
    command = ["check", str(file), "--model", base, "--max-length", "16", "--long", "both"]
    shown = CliRunner().invoke(build(), command).output
    assert "longer than 16 and cut: 100.0%, " in shown
    assert "of all tokens are not read (--long both)" in shown
    assert "read them otherwise with --long: head, tail, windows, select, compress." in shown


def test_the_way_belongs_to_the_study(reviews: Callable[[str], Path], base: str, tmp_path: Path) -> None:
    file = reviews("end")
    lt.study(file, model=base, out=tmp_path / "run", long={"text": "both(first=0.5)"}, quiet=True)
    with pytest.raises(ArtifactError, match=r"long both\(first=0.5\) -> tail"):
        lt.study(file, model=base, out=tmp_path / "run", long="tail", quiet=True)


def test_prompts_take_head_tail_and_both_and_are_left_out_elsewhere(
    tiny_lm: Callable[[str], Path], reviews: Callable[[str], Path], tmp_path: Path, proof_here: None
) -> None:
    words = {"prompt": "{text} it was {mask}", "labels": "good=great, bad=awful"}
    base, file = str(tiny_lm("bert")), reviews("end")
    record, best = trained(file, base, tmp_path / "tail", "tail", "cloze | full(lr=0.003)", **words)
    assert record.scores.test > 0.8
    assert [one.label for one in lt.load(best).predict([row["text"] for row in long_rows(4, "end")])] == ["good", "bad"] * 2
    with pytest.raises(SpecError, match="a prompt reads a row as one piece, not by --long windows"):
        trained(file, base, tmp_path / "windows", "windows", "cloze | frozen", **words)


def test_of_pairs_the_sentence_that_the_other_text_asks_for_is_read(base: str, tmp_path: Path) -> None:
    draw = random.Random(0)
    rows = []
    for n in range(160):
        facts = [f"{noun} is {draw.choice(['good', 'bad'])} ." for noun in draw.sample(["card", "bank", "movie", "book", "food", "day"], 6)]
        asked = draw.choice(facts).split()
        rows.append({"text": f"{asked[0]} {n}", "text_pair": " ".join(facts), "label": ("no", "yes")[asked[2] == "good"]})
    context = lt.study(rows, model=base, out=tmp_path / "run", long="text_pair=select", max_length=14, quiet=True).context
    assert context.conditions.long == "text=head, text_pair=select"
    encoded, examples = context.encoded("test"), context.dataset.splits["test"]
    said = [context.base.tokenizer.decode(encoded.padded([row], 0).ids[0]) for row in range(len(encoded))]
    places = [context.dataset.labels[label] for label in examples.gold]
    for (text, _), label, read in zip(examples.take(range(len(encoded))), places, said, strict=True):
        assert f"{text.split()[0]} is {'good' if label == 'yes' else 'bad'}" in read.split("[SEP]")[1]
