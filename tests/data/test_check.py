"""The data check finds what was planted, and says nothing of it where it was not."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from leantune.core.records import CheckFinding
from leantune.data.check import check
from leantune.data.dataset import Dataset, prepare
from leantune.data.lengths import Ruler
from leantune.data.pieces._pieces import Room

WORDS = [f"word{i}" for i in range(400)]


def rows(count: int, seed: int = 0, labels: tuple[str, ...] = ("ham", "spam")) -> list[dict[str, Any]]:
    source = random.Random(seed)
    return [{"text": " ".join(source.choices(WORDS, k=12)), "label": source.choice(labels)} for _ in range(count)]


def given(folder: Path, train: list[dict[str, Any]], dev: Any = None, test: Any = None) -> Dataset:
    return prepare(train, folder, dev=dev or rows(50, 1), test=test or rows(60, 2), text="text", label="label")


def found(dataset: Dataset, kind: str) -> list[CheckFinding]:
    return [one for one in check(dataset).findings if one.kind == kind]


def test_clean_rows_have_no_warning_but_the_size_of_the_test_set(tmp_path: Path) -> None:
    report = check(given(tmp_path, rows(300)))
    assert report.splits == {"train": 300, "dev": 50, "test": 60}
    assert sum(report.labels["train"].values()) == 300
    assert [(one.kind, one.severity) for one in report.findings] == [("resolution", "warning")]
    assert "60 test rows" in report.findings[0].message


def test_the_size_of_the_test_set_says_nothing_about_scores_that_are_no_shares(tmp_path: Path) -> None:
    numbers = [{"text": f"{row['text']} {number}", "label": str(number % 50)} for number, row in enumerate(rows(300))]
    dataset = prepare(numbers, tmp_path, task="regression", text="text", label="label")
    assert not found(dataset, "resolution")


def test_lists_of_one_label_each_are_pointed_at(tmp_path: Path) -> None:
    alone = [row | {"label": [row["label"]]} for row in rows(300)]
    several = [*alone[:-1], alone[-1] | {"label": ["ham", "spam"]}]
    held = {"dev": alone[:40], "test": alone[40:90], "text": "text", "label": "label"}
    one, two = (prepare(made[90:], tmp_path / name, **held) for name, made in (("one", alone), ("two", several)))
    assert one.task == two.task == "multilabel"
    assert "exactly one label" in found(one, "lone_labels")[0].message
    assert not found(two, "lone_labels")


def test_exact_duplicates_and_conflicting_labels(tmp_path: Path) -> None:
    train = rows(300)
    train += [{"text": train[0]["text"].upper() + " !", "label": train[0]["label"]}, {"text": train[1]["text"], "label": "ham"}]
    train += [{"text": train[1]["text"], "label": "spam"}]
    dataset = given(tmp_path, train)
    duplicate = found(dataset, "duplicates")[0]
    assert duplicate.rows == [301, 302, 303]
    assert "3 of 303 rows (0.99%) repeat" in duplicate.message
    assert "row 301 repeats row 1" in duplicate.message
    conflict = found(dataset, "conflicting_labels")[0]
    assert conflict.rows == [2, 302, 303]
    assert "1 text carries more than one label" in conflict.message


def test_leakage_between_splits(tmp_path: Path) -> None:
    train, test = rows(300), rows(60, 2)
    test[4], test[9] = train[7], train[8]
    few = found(given(tmp_path / "few", train, test=test), "leakage")
    assert [(one.severity, one.rows) for one in few] == [("warning", [5, 10])]
    assert "2 of 60 rows (3%) of test are also in train" in few[0].message
    many = found(given(tmp_path / "many", train, test=test + train[:30]), "leakage")
    assert many[0].severity == "error"


def test_pairs_that_share_their_first_text(tmp_path: Path) -> None:
    def pairs(seed: int, first: int) -> list[dict[str, str]]:
        return [{**row, "text_pair": f"so {seed} {i}", "text": f"premise {first + i // 2}"} for i, row in enumerate(rows(60, seed))]

    dataset = prepare(pairs(0, 0), tmp_path, dev=pairs(1, 100), test=pairs(2, 15))
    leak = found(dataset, "leakage")[0]
    assert '30 of 60 rows (50%) of test have a "text" that train pairs otherwise' in leak.message


def test_near_duplicates_agree_with_brute_force(tmp_path: Path) -> None:
    train, test = rows(300), rows(60, 2)
    long = " ".join(random.Random(5).choices(WORDS, k=40))
    train[10]["text"], test[3]["text"] = long, long + " more"
    train[20]["text"] = long.rsplit(" ", 1)[0]
    near = found(given(tmp_path, train, test=test), "near_duplicates")
    assert [one.rows for one in near] == [[4], [21]]
    assert "of test nearly equal a row of train" in near[0].message
    assert "row 4 and train row" in near[0].message


def test_empty_and_garbled_texts(tmp_path: Path) -> None:
    train = rows(300)
    train[2]["text"], train[4]["text"], train[6]["text"] = " ", None, "a cafÃ© somewhere"
    dataset = given(tmp_path, train)
    assert found(dataset, "empty")[0].rows == [3, 5]
    assert found(dataset, "garbled")[0].rows == [7]


def test_labels_alike_tiny_skewed_and_untested(tmp_path: Path) -> None:
    train = [*rows(300, labels=("ham",)), *rows(20, 3, labels=("spam",)), *rows(2, 4, labels=("Spam",))]
    said = " ".join(one.message for one in found(given(tmp_path, train), "labels"))
    assert '"Spam" = "spam"' in said
    assert '1 of 3 labels have fewer than 10 train rows: "Spam" (2)' in said
    assert '93% of the train rows have the label "ham"' in said
    assert "1 label has no dev row" in said


def test_the_label_in_the_text(tmp_path: Path) -> None:
    train = rows(300, labels=("late_delivery", "refund"))
    for row in train:
        row["text"] += f" [{row['label']}]"
    dataset = prepare(train, tmp_path)
    severities = [(one.severity, one.message[:12]) for one in found(dataset, "giveaway")]
    assert severities == [("error", "In 100% of t"), ("warning", "A single wor")]


def test_a_single_word_that_settles_it(tmp_path: Path) -> None:
    train = rows(300)
    for row in train:
        row["text"] += " beep" if row["label"] == "spam" else ""
    assert '"beep" for "spam"' in found(prepare(train, tmp_path), "giveaway")[0].message


def test_columns_that_know_the_label(tmp_path: Path) -> None:
    train = sorted(rows(300), key=lambda row: str(row["label"]))
    for number, row in enumerate(train):
        row.update(id=1000 + number, queue=f"Q-{row['label']}", city=random.Random(number).choice(["A", "B"]))
    random.Random(0).shuffle(train)
    said = [one.message for one in found(given(tmp_path, train), "giveaway")]
    assert len(said) == 2
    assert '"id" counts along with the label' in said[0]
    assert '"queue" alone tells the label in 100.0%' in said[1]
    by_label = given(tmp_path / "sorted", sorted(rows(300), key=lambda row: str(row["label"])))
    assert "sorted by label" in found(by_label, "order")[0].message


def test_ids_that_begin_with_the_label(tmp_path: Path) -> None:
    starts = {"bill": "bi-", "ship": "sh-"}
    train = [{**row, "id": f"{starts[str(row['label'])]}{i:05}"} for i, row in enumerate(rows(300, labels=("bill", "ship")))]
    dataset = prepare(train, tmp_path / "ids", text="text", label="label")
    said = [one.message for one in found(dataset, "giveaway")]
    assert len(said) == 1
    assert said[0].startswith('What stands before the first digit in the column "id" alone tells the label in 100.0% of the train rows')


@pytest.mark.parametrize(
    "other",
    [
        lambda row, i: f"t-{i:05}",  # one beginning for all
        lambda row, i: f"{'ab'[i % 2]}-{i:05}",  # beginnings that know nothing
        lambda row, i: f"{row['label']} ticket number {i}",  # a text
        lambda row, i: f"{row['label']}{chr(97 + i % 26)}{chr(97 + i // 26)}",  # no digit
    ],
)
def test_other_ids_and_free_texts_are_left_alone(other: Any, tmp_path: Path) -> None:
    train = [{**row, "other": other(row, i)} for i, row in enumerate(rows(300))]
    assert found(prepare(train, tmp_path, text="text", label="label"), "giveaway") == []


def test_token_lengths_and_truncation(tmp_path: Path) -> None:
    def count(texts: list[str], pairs: list[str] | None) -> list[int]:
        assert pairs is None
        return [len(text.split()) + 2 for text in texts]

    train = rows(300)
    for row in train[:90]:
        row["text"] += " more" * 20
    report = check(given(tmp_path, train), Ruler(count, Room(32)))
    assert report.length_quantiles == {"p50": 14, "p90": 34, "p95": 34, "p99": 34, "max": 34}
    assert report.truncated_share == pytest.approx(90 / 410)
    assert any("22% of the rows are longer than 32 tokens" in one.message for one in report.findings)


def test_questions_that_are_cut_are_counted_with_their_rows(tmp_path: Path) -> None:
    """Of pieces of 32 tokens a question may have 22 (one for each word here)."""
    asked = {3: 23, 40: 22, 77: 60}
    source = [
        {"question": " ".join(["why"] * asked.get(number, 3)), "context": f"It is {number} here.", "answers": str(number)}
        for number in range(1, 121)
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in source))

    def count(texts: list[str], pairs: list[str] | None) -> list[int]:
        return [len(text.split()) + (len(pairs[place].split()) if pairs else 0) for place, text in enumerate(texts)]

    findings = check(prepare(path, tmp_path / "out", task="answering"), Ruler(count, Room(32))).findings
    cut = [one for one in findings if one.kind == "truncated"]
    assert sorted(row for one in cut for row in one.rows) == [3, 77]
    assert all('have a "question" of more than 22 tokens, whose end is cut: a.jsonl row ' in one.message for one in cut)
