"""Every task from a file to an artifact that predicts, scores and labels files; small made-up rows that a tiny model can learn."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import leantune as lt
from leantune.artifact.manifest import read_manifest
from leantune.artifact.parity import prove
from leantune.cli.main import build
from leantune.execution.process import WorkerProcess

FILLER = ["the", "movie", "was", "a", "book", "day", "food", "very", "this"]
Row = dict[str, Any]


def filler(draw: random.Random, most: int = 4) -> list[str]:
    return draw.sample(FILLER, draw.randint(1, most))


def tagging_row(draw: random.Random) -> Row:
    """A bank has two words, a card one; spelled words stand between; every tenth row is far too long for one piece."""
    words, tags = [], []
    for _ in range(14 if draw.random() < 0.1 else draw.randint(1, 2)):
        for part, marks in (
            (filler(draw), None),
            draw.choice([(["red", "bank"], ["B-ORG", "I-ORG"]), (["card"], ["B-ITEM"]), (["u.s."], ["O"])]),
        ):
            words += part
            tags += marks or ["O"] * len(part)
    return {"tokens": words, "tags": tags}


VALUES = {"great": 2.25, "good": 1.5, "fine": 0.25, "bad": -1.25, "worst": -2.5}
LEVELS = {"worst": "1 star", "bad": "2 stars", "fine": "3 stars", "good": "4 stars", "best": "10 stars"}
REASONS = {"late": "delay", "money": "price", "lost": "loss"}


def regression_row(draw: random.Random) -> Row:
    words = [*filler(draw), *draw.sample(list(VALUES), 2)]
    return {"text": " ".join(words), "score": round(sum(VALUES.get(word, 0.05) for word in words), 2)}


def ordinal_row(draw: random.Random) -> Row:
    word = draw.choice(list(LEVELS))
    return {"text": " ".join([*filler(draw), word]), "stars": LEVELS[word]}


def multilabel_row(draw: random.Random) -> Row:
    telling = [word for word in REASONS if draw.random() < 0.5]
    words = [*filler(draw), *telling]
    draw.shuffle(words)
    return {"text": " ".join(words), "label": [REASONS[word] for word in telling]}


def answering_row(draw: random.Random) -> Row:
    """A card with its colour and a bank with its number; now and then the one that is asked for has none. Some texts are long."""
    asked, words, right = draw.choice(["card", "bank"]), list[str](), {}
    for thing in draw.sample(["card", "bank"], 2):
        words += [*filler(draw) * (10 if draw.random() < 0.05 else 1), thing]
        if draw.random() < 0.85:
            right[thing] = draw.choice(["red", "blue"] if thing == "card" else ["one", "two", "three"])
            words.append(right[thing])
    context = " ".join(words)
    texts = [right[asked]] if asked in right else []
    return {
        "question": f"where {asked}",
        "context": context,
        "answers": {"text": texts, "answer_start": [context.index(f"{asked} {text}") + len(asked) + 1 for text in texts]},
    }


def ranking_row(draw: random.Random) -> Row:
    """About four candidates for each question; good words answer."""
    word, label = draw.choice(
        [("good", "answer"), ("great", "answer"), ("bad", "not_answer"), ("sad", "not_answer"), ("poor", "not_answer")]
    )
    words = [*filler(draw), word, *filler(draw)]
    return {"question": f"what {draw.randrange(60)}", "answer": " ".join(words), "label": label}


def relation_row(draw: random.Random) -> Row:
    """What is done to what, the doer before or behind."""
    verb, kind = draw.choice([("paid", "Payer-Payee({})"), ("lost", "Owner-Loss({})"), ("hate", "Other")])
    doer, other = draw.sample(["card", "bank", "book", "movie"], 2)
    parts = [f"<e1>{doer}</e1>", verb, f"<e2>{other}</e2>"]
    way = draw.choice(["e1,e2", "e2,e1"])
    return {"text": " ".join([*filler(draw), *(parts if way == "e1,e2" else parts[::-1])]), "label": kind.format(way)}


def roles_row(draw: random.Random) -> Row:
    """Two things are done; the roles of the one that is asked for stand before and behind it."""
    words, tags, places = list[str](), list[str](), list[int]()
    asked, verbs = draw.randrange(2), draw.sample(["paid", "lost"], 2)
    for part, verb in enumerate(verbs):
        own = [*filler(draw, 2), "card", verb, "red", "one"]
        places.append(len(words) + len(own) - 3)
        words += own
        tags += ["O"] * (len(own) - 4) + (["B-A0", "B-V", "B-A1", "I-A1"] if part == asked else ["O"] * 4)
    return {"tokens": words, "predicate_index": places[asked], "tags": tags}


def arguments_row(draw: random.Random) -> Row:
    """As roles, of a trigger of two words; its span ends behind the last one."""
    found = roles_row(draw)
    place = found.pop("predicate_index")
    tags = ["O" if tag == "B-V" else tag for tag in found["tags"]]
    return {"tokens": found["tokens"], "trigger": [place, place + 2], "tags": tags}


def choice_row(draw: random.Random) -> Row:
    """The thing that is asked for, in its colour, among two to four options; some texts are far too long."""
    thing, colour = draw.choice(["card", "bank"]), draw.choice(["red", "blue"])
    others = [f"{other} {one}" for other in ("card", "bank") for one in ("red", "blue") if (other, one) != (thing, colour)]
    options = [f"{thing} {colour}", *draw.sample(others, draw.randint(1, 3))]
    draw.shuffle(options)
    words = [*filler(draw) * (12 if draw.random() < 0.05 else 1), thing, colour]
    return {"question": " ".join(words), "choices": options, "answer": "ABCD"[options.index(f"{thing} {colour}")]}


@dataclass(frozen=True)
class Case:
    """A task, its rows and what shall be predicted for some of them."""

    row: Callable[[random.Random], Row]
    inputs: list[Any]
    answers: list[Any]
    needed: float
    options: dict[str, Any]

    def rows(self, number: int, seed: int = 0) -> list[Row]:
        """Different rows."""
        draw, made = random.Random(seed), dict[str, Row]()
        while len(made) < number:
            row = self.row(draw)
            made[json.dumps(row)] = row
        return list(made.values())


CASES = {
    "tagging": Case(
        tagging_row,
        [["the", "card", "was", "a", "red", "bank"], ["u.s.", "food"], ["a"] * 60 + ["red", "bank", "card"]],
        [["O", "B-ITEM", "O", "O", "B-ORG", "I-ORG"], ["O", "O"], ["O"] * 60 + ["B-ORG", "I-ORG", "B-ITEM"]],
        0.95,
        {"max_length": 32},
    ),
    "roles": Case(
        roles_row,
        [
            (["the", "card", "paid", "red", "one", "food", "card", "lost", "red", "one"], 2),
            (["the", "card", "paid", "red", "one", "food", "card", "lost", "red", "one"], [7]),
        ],
        [
            ["O", "B-A0", "B-V", "B-A1", "I-A1", "O", "O", "O", "O", "O"],
            ["O", "O", "O", "O", "O", "O", "B-A0", "B-V", "B-A1", "I-A1"],
        ],
        0.9,
        {"max_length": 32},
    ),
    "arguments": Case(
        arguments_row,
        [(["the", "card", "paid", "red", "one", "food", "card", "lost", "red", "one"], [2, 4])],
        [["O", "B-A0", "O", "B-A1", "I-A1", "O", "O", "O", "O", "O"]],
        0.9,
        {"max_length": 32},
    ),
    "multilabel": Case(
        multilabel_row,
        ["the food was late", "this day", "lost a book money"],
        [["delay"], [], ["loss", "price"]],
        0.95,
        {},
    ),
    "ordinal": Case(
        ordinal_row,
        ["the food was worst", "a day very best", "this book fine"],
        ["1 star", "10 stars", "3 stars"],
        0.9,
        {"task": "ordinal", "label": "stars"},
    ),
    "regression": Case(
        regression_row,
        ["the food great good", "a day worst bad"],
        [pytest.approx(3.75, abs=1.0), pytest.approx(-3.75, abs=1.0)],
        0.9,
        {},
    ),
    "answering": Case(
        answering_row,
        [
            ("where card", "the card blue was a bank one"),
            ("where bank", "the card blue was a bank one"),
            ("where bank", "a day card red the book was bank"),
            ("where card", f"{'the movie was very ' * 15}card red {'a food day ' * 10}bank three"),
            ("where card", ""),
        ],
        ["blue", "one", "", "red", ""],
        0.9,
        {"max_length": 32},
    ),
    "ranking": Case(
        ranking_row,
        [("what 3", "the food was great a day"), ("what 3", "a day sad this"), ("what 61", "good")],
        [pytest.approx(1.0, abs=0.3), pytest.approx(0.0, abs=0.3), pytest.approx(1.0, abs=0.3)],
        0.9,
        {"task": "ranking"},
    ),
    "choice": Case(
        choice_row,
        [
            ("the movie card red", ["bank red", "card red", "card blue"]),
            (f"{'a food day ' * 15}bank blue", ["bank blue", "bank red"]),
            ("was bank red", ["card blue", "bank blue", "card red", "bank red"]),
        ],
        ["card red", "bank blue", "bank red"],
        0.9,
        {"max_length": 32},
    ),
    "relation": Case(
        relation_row,
        ["the <e1>card</e1> paid <e2>book</e2>", "food was <e2>bank</e2> lost <e1>movie</e1>", "a day <e2>book</e2> hate <e1>bank</e1>"],
        ["Payer-Payee(e1,e2)", "Owner-Loss(e2,e1)", "Other"],
        0.9,
        {},
    ),
}
MEASURED = ("regression", "ranking")
"""The answer is a number."""
TEXTS = ("ordinal", "relation", "answering", "choice")
"""The answer is a text."""


@dataclass(frozen=True)
class Trained:
    """An artifact and how well it did."""

    artifact: Path
    opened: lt.Study
    dev: float


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words), catch_exceptions=False)


class Kept(WorkerProcess):
    """A worker for many trainings: it forks for each one, and loading its libraries takes longer than training here."""

    def close(self) -> None:
        """Stay for the next one."""


@pytest.fixture(scope="module", autouse=True)
def one_worker() -> Iterator[None]:
    started: list[Kept] = []

    def worker() -> Kept:
        if not started or not started[-1].alive:
            started.append(Kept())
        return started[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leantune.execution.runner.WorkerProcess", worker)
        yield
    for one in started:
        WorkerProcess.close(one)


@pytest.fixture(scope="module")
def trained(base: str, tmp_path_factory: pytest.TempPathFactory, proof_here: None) -> Callable[[str], Trained]:
    """`trained("tagging")` is a fully tuned tiny model; each is trained once."""

    @cache
    def one(name: str) -> Trained:
        folder = tmp_path_factory.mktemp(name)
        data = write(folder / "rows.jsonl", CASES[name].rows(240))
        opened = lt.study(data, model=base, out=folder / "run", budget="80steps", quiet=True, **CASES[name].options)
        record = lt.train(opened, "full(lr=0.01)", folder / "best")
        assert record.scores is not None
        return Trained(folder / "best", opened, record.scores.dev)

    return one


@pytest.mark.parametrize("name", CASES)
def test_the_task_is_learned_and_predicted(name: str, trained: Callable[[str], Trained]) -> None:
    case, found = CASES[name], trained(name)
    assert found.opened.conditions.task == name
    assert found.dev > case.needed
    loaded = lt.load(found.artifact)
    predictions = loaded.predict(case.inputs)
    assert [one.label for one in predictions] == case.answers
    assert all(0 <= one.score <= 1 for one in predictions)
    alone = [loaded.predict([row])[0] for row in case.inputs]
    assert [one.label for one in alone] == (
        [pytest.approx(one.label, abs=1e-4) for one in predictions] if name in MEASURED else case.answers
    )
    assert [one.score for one in alone] == pytest.approx([one.score for one in predictions], abs=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_a_further_file_is_scored_with_every_metric(name: str, trained: Callable[[str], Trained], tmp_path: Path) -> None:
    found, task = trained(name), trained(name).opened.context.task
    scored = lt.score(found.artifact, write(tmp_path / "new.jsonl", CASES[name].rows(50, seed=1)))
    assert scored.rows == 50
    assert list(scored.metrics) == [*task.metrics, *task.reported]
    assert scored.metrics[found.opened.conditions.metric] > CASES[name].needed
    assert bool(scored.per_label) == (name not in (*MEASURED, "answering", "choice"))
    done = run("evaluate", str(found.artifact), str(tmp_path / "new.jsonl"), "--json")
    assert json.loads(done.output)["metrics"] == scored.metrics


@pytest.mark.parametrize("name", CASES)
def test_the_command_labels_a_file(name: str, trained: Callable[[str], Trained], tmp_path: Path) -> None:
    case, found = CASES[name], trained(name)
    columns = found.opened.dataset.columns
    names = [name for name in (columns.text, columns.text_pair) if name]
    inputs = [dict(zip(names, row if columns.text_pair else [row], strict=True)) | {"id": place} for place, row in enumerate(case.inputs)]
    new = write(tmp_path / "new.jsonl", inputs)
    for ending in ("jsonl", "csv"):
        done = run("predict", str(found.artifact), str(new), "--out", str(tmp_path / f"out.{ending}"))
        assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["label"] for row in rows] == case.answers
    assert [{key: row[key] for key in (*names, "id")} for row in rows] == inputs
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        cells = [row["label"] for row in csv.DictReader(file)]
    assert [cell if name in TEXTS else json.loads(cell) for cell in cells] == case.answers


@pytest.mark.parametrize("name", ["tagging", "multilabel"])
def test_rows_of_the_wrong_kind_are_refused(name: str, trained: Callable[[str], Trained], tmp_path: Path) -> None:
    found = trained(name)
    column = found.opened.dataset.columns.text
    with pytest.raises(lt.LeantuneError, match="row 1: this model reads"):
        lt.load(found.artifact).predict(["the food"] if name == "tagging" else [["the", "food"]])
    unknown = write(
        tmp_path / "new.jsonl",
        [{**CASES[name].rows(1)[0], str(found.opened.dataset.columns.label): ["dely"]} | {column: ["a"] if name == "tagging" else "a"}],
    )
    with pytest.raises(lt.LeantuneError, match="dely"):
        lt.score(found.artifact, unknown)


@pytest.mark.slow
def test_a_comparison_of_taggers_has_floors_and_verdicts(base: str, tmp_path: Path, proof_here: None) -> None:
    """Words are names wherever they stand, so the floor that remembers words is hard to beat; a head on frozen states is not as good."""
    opened = lt.study(CASES["tagging"].rows(160), model=base, out=tmp_path, budget="50steps", seeds=1, quiet=True, max_length=32)
    result = lt.compare(opened, ["full(lr=0.01)", "head(lr=0.001)"])
    rows = {row.name: row for row in result.comparison.methods}
    assert result.comparison.study["metric"] == "entity_f1"
    assert (rows["majority"].mean or 0.0) > 0.5
    assert (rows["full(lr=0.01)"].mean or 0.0) > (rows["head(lr=0.001)"].mean or 1.0)
    assert "majority" in result.table()


@pytest.mark.slow
def test_a_comparison_of_choosers_has_floors_and_an_artifact(base: str, tmp_path: Path, proof_here: None) -> None:
    """The option whose words stand in the text is right, so the closest one is a floor that is hard to beat."""
    opened = lt.study(CASES["choice"].rows(160), model=base, out=tmp_path, budget="50steps", seeds=1, quiet=True, max_length=32)
    result = lt.compare(opened, ["full(lr=0.01)", "head(lr=0.001)"])
    rows = {row.name: row for row in result.comparison.methods}
    assert (rows["majority"].mean or 1.0) < 0.7 < (rows["retrieval"].mean or 0.0)
    assert (rows["full(lr=0.01)"].mean or 0.0) > (rows["majority"].mean or 1.0)
    assert "tfidf" not in rows
    assert (rows["similarity"].mean or 0.0) > 0.3, "the base is a sentence encoder"
    merged = lt.export(tmp_path / "best", "merged", tmp_path / "merged")
    assert lt.load(merged).predict(CASES["choice"].inputs) == lt.load(tmp_path / "best").predict(CASES["choice"].inputs)


WAYS = {
    ("bert", "full"): ["leantune", "predict.py", "transformers"],
    ("bert", "lora"): ["leantune", "predict.py", "peft"],
    ("roberta", "lora"): ["leantune", "predict.py", "peft"],
    ("gpt2", "lora"): ["leantune", "predict.py", "peft"],
    ("sentence-bert", "prompt"): ["leantune", "predict.py"],
    ("gpt2", "prompt"): ["leantune", "predict.py"],
}
FOCUSED = [("roles", "bert", "lora"), ("arguments", "roberta", "lora"), ("roles", "gpt2", "lora"), ("roles", "sentence-bert", "prompt")]
SINGLE = [
    ("multilabel", "bert", "lora"),
    ("ordinal", "bert", "full"),
    ("regression", "sentence-bert", "prompt"),
    ("ranking", "bert", "lora"),
    ("choice", "bert", "full"),
    ("choice", "gpt2", "prompt"),
]
"""Tasks that read one state for the whole row: the answer is their own, the ways of loading are those of classification."""
FRESH = [*(("tagging", *way) for way in WAYS), *FOCUSED, *SINGLE]


@pytest.fixture
def proof_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real proof, also where other tests of this module have put their own in its place."""
    monkeypatch.setattr("leantune.artifact.publish.prove", prove)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "family", "method"), FRESH)
def test_fresh_processes_predict_as_the_trained_network(
    name: str, family: str, method: str, tiny: Callable[[str], Path], tmp_path: Path, proof_fresh: None
) -> None:
    opened = lt.study(
        CASES[name].rows(60), model=str(tiny(family)), out=tmp_path / "run", budget="20steps", quiet=True, **CASES[name].options
    )
    lt.train(opened, method, tmp_path / "best")
    manifest = read_manifest(tmp_path / "best")
    assert manifest.loads_in == WAYS[family, method]
    assert manifest.proof is not None
    assert all(way in manifest.proof for way in manifest.loads_in)
    assert "same predictions" in manifest.proof


def of_script(artifact: Path, new: Path) -> list[dict[str, str]]:
    """What `predict.py` writes for a file."""
    script = [sys.executable, str(artifact / "predict.py"), "--file", str(new)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(done.stdout.splitlines()))


@pytest.mark.slow
@pytest.mark.parametrize(("family", "method"), [("bert", "full"), ("gpt2", "lora"), ("sentence-bert", "prompt")])
def test_the_script_tags_odd_and_long_rows_as_leantune_does(family: str, method: str, tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """The proof has the first piece of each row only; here are the others, where overlapping pieces are joined."""
    opened = lt.study(CASES["tagging"].rows(60), model=str(tiny(family)), out=tmp_path / "run", budget="20steps", quiet=True, max_length=16)
    lt.train(opened, method, tmp_path / "best")
    draw = random.Random(1)
    known = ["red", "bank", "card", "the", "", "unbelievable", "New York", " big", "\u200bfood", "u.s."]
    rows = [[draw.choice(known) for _ in range(size)] for size in (1, 5, 30, 70, 12)] + [[""], ["", ""], [], ["the"]]
    found = of_script(tmp_path / "best", write(tmp_path / "new.jsonl", [{"tokens": row} for row in rows]))
    expected = lt.load(tmp_path / "best").predict(rows)
    assert [json.loads(row["label"]) for row in found] == [one.label for one in expected]
    assert [float(row["score"]) for row in found] == pytest.approx([one.score for one in expected], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "method", "way"),
    [
        ("bert", "full", "transformers"),
        ("bert", "lora", "peft"),
        ("roberta", "full", "transformers"),
        ("roberta", "lora", "peft"),
        ("sentence-bert", "prompt", None),
    ],
)
def test_answers_are_the_same_in_every_way(
    family: str, method: str, way: str | None, tiny: Callable[[str], Path], tmp_path: Path, proof_fresh: None
) -> None:
    """In the proof, and then by the script for odd rows: several pieces, an empty text, no answer, questions of all lengths."""
    opened = lt.study(
        CASES["answering"].rows(60), model=str(tiny(family)), out=tmp_path / "run", budget="20steps", quiet=True, max_length=32
    )
    assert opened.dataset.labels == ["start", "end", "no answer"]
    lt.train(opened, method, tmp_path / "best")
    manifest = read_manifest(tmp_path / "best")
    assert manifest.loads_in == ["leantune", "predict.py", *([way] if way else [])]
    assert manifest.proof is not None
    assert "same predictions" in manifest.proof
    draw = random.Random(1)
    known = ["red", "bank", "card", "the", "unbelievable", "New  York", "\u200bfood", "u.s.", "two,"]
    contexts = [" ".join(draw.choice(known) for _ in range(size)) for size in (5, 40, 1, 25, 60)] + ["", " ", "the day"]
    questions = (
        ["where card", "where was the movie", "when", "where was the very good book of the bank", "where bank"] + ["where card"] * 2 + [""]
    )
    rows = list(zip(questions, contexts, strict=True))
    new = write(tmp_path / "new.jsonl", [{"question": question, "context": context} for question, context in rows])
    found, expected = of_script(tmp_path / "best", new), lt.load(tmp_path / "best").predict(rows)
    assert [row["label"] for row in found] == [one.label for one in expected]
    assert [float(row["score"]) for row in found] == pytest.approx([one.score for one in expected], abs=1e-4)
    assert {one.label for one in expected[5:7]} == {""}
