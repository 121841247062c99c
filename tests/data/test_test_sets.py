"""Several test sets: how they are named, what their rows are checked against, and what does not change because of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.check import check
from leantune.data.dataset import is_prepared, load, prepare
from leantune.data.test_sets import named_files, named_tests

WORDS = [f"word{number}" for number in range(300)]


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [{"text": " ".join(draw.choices(WORDS, k=10)), "label": draw.choice(["ham", "spam"])} for _ in range(count)]


TRAIN, DEV, EN, DE = rows(200, 0), rows(40, 1), rows(30, 2), rows(20, 3)


def test_files_are_named_by_the_user_or_by_themselves(tmp_path: Path) -> None:
    assert named_files(["en=a/test_en.jsonl", "a/test_de.jsonl"]) == {"en": "a/test_en.jsonl", "test_de": "a/test_de.jsonl"}
    assert named_files(["a file, that has (no) name.csv"]) == {None: "a file, that has (no) name.csv"}
    assert named_files(["run=3/a.csv", "b.csv"]) == {"run": "3/a.csv", "b": "b.csv"}
    assert named_files(["runs/lr=3/a.csv", "b.csv"]) == {"a": "runs/lr=3/a.csv", "b": "b.csv"}
    odd = tmp_path / "x=1.csv"
    odd.write_text("")
    assert named_files([str(odd)]) == {None: str(odd)}
    assert named_tests(None) is None
    assert named_tests(["test.csv"]) == "test.csv"
    assert named_tests(["en=test.csv"]) == {"en": "test.csv"}


def test_bad_and_doubled_names_are_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        named_files(["en=a.csv", "EN=b.csv", "two words=c.csv", "de=", "x/test.csv", "y/test.csv"], "--test")
    for said in ('two test sets are called "EN"', '"two words" is no name', '"de=" has no file', 'two test sets are called "test"'):
        assert said in caught.value.message
    assert caught.value.code == "E-SPLIT"
    with pytest.raises(DataError, match='"a/b" is no name for a test set'):
        prepare(TRAIN, Path("nowhere"), test={"a/b": EN})
    with pytest.raises(DataError, match="names no test set"):
        prepare(TRAIN, Path("nowhere"), test={})


def test_a_further_test_set_changes_no_digest_of_what_is_trained(tmp_path: Path) -> None:
    one = prepare(TRAIN, tmp_path / "one", dev=DEV, test=EN)
    two = prepare(TRAIN, tmp_path / "two", dev=DEV, test={"en": EN, "de": DE})
    other = prepare(TRAIN, tmp_path / "other", dev=DEV, test={"de": DE, "en": EN})
    assert one.digest == two.digest != other.digest
    assert one.whole_digest == one.digest != two.whole_digest
    assert one.tests == {"test": "test"}
    assert two.tests == {"en": "test", "de": "test-de"}
    assert two.manifest.sizes == {"train": 200, "dev": 40, "test": 30, "test-de": 20}
    assert list(two.splits["test-de"].texts) == [row["text"] for row in DE]
    assert two.source_table("test-de").rows == 20
    assert len({two.digest_of(split) for split in two.splits}) == 2
    assert any(
        str(line).startswith("test sets: en (list of rows), de (list of rows) (verdicts, floors, choice and limits go by en")
        for line in two.inferences
    )
    assert load(tmp_path / "two").manifest == two.manifest


def test_a_further_test_set_is_part_of_what_was_prepared(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("train", "en", "de")}
    for (_, path), found in zip(files.items(), (TRAIN, EN, DE), strict=True):
        path.write_text("text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in found))
    prepare(files["train"], tmp_path / "data", test={"en": files["en"], "de": files["de"]})
    assert is_prepared(files["train"], tmp_path / "data", test={"en": files["en"], "de": files["de"]})
    for test in ({"en": files["en"]}, {"en": files["en"], "fr": files["de"]}, {"eng": files["en"], "de": files["de"]}):
        assert not is_prepared(files["train"], tmp_path / "data", test=test)


def test_an_answer_that_train_never_shows_is_refused_in_every_test_set(tmp_path: Path) -> None:
    strange = [*DE, {"text": "something new", "label": "spamm"}]
    with pytest.raises(DataError, match=r'row 21, column "label": the label "spamm" .* never occurs in train'):
        prepare(TRAIN, tmp_path, dev=DEV, test={"en": EN, "de": strange})
    with pytest.raises(DataError, match="no row has a label"):
        prepare(TRAIN, tmp_path, dev=DEV, test={"en": EN, "de": [{"text": row["text"], "label": None} for row in DE]})


def test_a_tag_that_only_a_further_test_set_shows_is_counted(tmp_path: Path) -> None:
    sings, runs, waits = ([{"tokens": ["Karl", verb], "tags": ["B-PER", "O"]}] * 2 for verb in ("sings", "runs", "waits"))
    place = [{"tokens": ["Oslo", "sings"], "tags": ["B-LOC", "O"]}]
    dataset = prepare(sings, tmp_path, dev=runs, test={"en": waits, "de": place})
    assert dataset.labels == ["B-LOC", "B-PER", "O"]
    assert any(str(line).startswith('tags that train never shows: "B-LOC" (1 words of dev and test') for line in dataset.inferences)


def test_rows_of_train_are_refused_or_told_for_every_test_set(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"\(test-de\): 100% of its 50 rows are also in .* \(train\)\. Give rows that train does not hold\."
    ):
        prepare(TRAIN, tmp_path / "same", dev=DEV, test={"en": EN, "de": TRAIN[:50]})
    dataset = prepare(TRAIN, tmp_path / "some", dev=DEV, test={"en": EN, "de": [*DE, DE[3], TRAIN[4], DEV[5]]})
    said = {finding.kind: "" for finding in check(dataset).findings}
    for finding in check(dataset).findings:
        said[finding.kind] += finding.message
    assert "1 of 23 rows (4%) of test-de are also in train" in said["leakage"]
    assert "of test-de are also in dev" in said["leakage"]
    assert "test-de: 1 of 23 rows" in said["duplicates"]
    report = check(dataset)
    assert report.splits["test-de"] == 23
    assert sum(report.labels["test-de"].values()) == 23


def test_near_duplicates_are_looked_for_in_every_test_set(tmp_path: Path) -> None:
    long = {"text": " ".join(WORDS[:40]), "label": "ham"}
    near = {"text": f"{long['text']} altered", "label": "ham"}
    dataset = prepare([*TRAIN, long], tmp_path, dev=DEV, test={"en": EN, "de": [*DE, near]})
    found = [one.message for one in check(dataset).findings if one.kind == "near_duplicates"]
    assert ["of test-de nearly equal a row of train" in message for message in found] == [True]
