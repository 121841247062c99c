"""PropBank columns and lists of events become rows about a predicate or a trigger; what is broken is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.dataset import Dataset, prepare
from leantune.data.focus import read
from leantune.data.unlabelled import read_rows

OLD = [
    "We    -    (A0*)    (A0*)",
    "sold  sell (V*)     *",
    "old   -    (A1*     *",
    "books -    *)       *",
    "left  leave *       (V*)",
]
NEW = [
    "d 0 0 We    PRP - (ARG0*) (1)",
    "d 0 1 sold  VBD sell (V*) -",
    "d 0 2 books NNS - (ARG1*) -",
]
BIO = ["1 We - B-A0", "2 sold sell B-V", "3 books - B-A1"]


def conll(folder: Path, sentence: list[str], number: int = 12) -> Dataset:
    """Further sentences of one word more, so that no two are the same; one without a predicate."""
    path = folder / "rows.conll"
    bare = [" ".join(line.split()[: len(line.split()) - 2]) for line in OLD[:1]] if sentence is OLD else []
    parts = [[line.replace("books", f"books{place}") for line in sentence] for place in range(number)]
    path.write_text("\n\n".join("\n".join(part) for part in [*parts, *([bare] if bare else [])]) + "\n", encoding="utf-8")
    return prepare(path, folder / "data")


def rows(dataset: Dataset) -> list[tuple[str, tuple[int, ...], str]]:
    found = []
    for part in dataset.splits.values():
        for words, place, tags in zip(part.words or [], part.pairs or [], part.gold, strict=True):
            found.append((words[0], tuple(read(place)), " ".join(dataset.labels[tag] for tag in tags)))
    return sorted(set(found))


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (OLD, [("We", (1,), "B-A0 B-V B-A1 I-A1 O"), ("We", (4,), "B-A0 O O O B-V")]),
        (NEW, [("We", (1,), "B-ARG0 B-V B-ARG1")]),
        (BIO, [("We", (1,), "B-A0 B-V B-A1")]),
    ],
)
def test_columns_of_roles_give_a_row_for_each_predicate(tmp_path: Path, sentence: list[str], expected: Any) -> None:
    dataset = conll(tmp_path, sentence)
    assert dataset.task == "roles"
    assert rows(dataset) == expected
    said = [str(line) for line in dataset.inferences]
    assert any(line.startswith(f"PropBank columns: {12 * len(expected)} predicates") for line in said)
    assert any(line.startswith("sentences without a predicate: 1 ") for line in said) == (sentence is OLD)


def test_broken_columns_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.conll"
    broken = [
        ["a - (A0*", "b x (V*)"],
        ["a - *)", "b x (V*)"],
        ["a - (A0*", "b x (V*)", "c - *"],
        ["a - *", "b x *"],
        ["a - *", "b x (V*) *"],
        ["a - (A0*", "b x *"],
    ]
    path.write_text("\n\n".join("\n".join(part) for part in [["a - (A0*)", "b x (V*)"], *broken]))
    with pytest.raises(DataError) as raised:
        prepare(path, tmp_path / "data")
    for message in (
        "line 5: (V*) opens a role inside A0. Close that one before (column 3)",
        "line 7: *) closes a role, and none is open (column 3)",
        "the sentence from line 14: 1 columns of roles, and 0 of them",
        "line 18: 4 columns, line 17 has 3",
    ):
        assert message in str(raised.value)


def sentence(number: int) -> dict[str, Any]:
    events = [
        {"type": "Attack", "trigger": [1, 2], "arguments": [{"role": "Agent", "start": 0, "end": 1}, {"role": "Place", "span": [2, 4]}]},
        {"type": "Leave", "trigger": {"start": 5, "end": 6}, "arguments": [{"role": "Agent", "start": 0, "end": 1}]},
    ]
    return {"tokens": ["Rebels", "attacked", "the", "town", "and", "left", f"w{number}"], "events": events if number % 4 else []}


def events(folder: Path, made: list[dict[str, Any]], **options: Any) -> Dataset:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return prepare(path, folder / "data", **options)


def test_triggers_of_events_are_tags(tmp_path: Path) -> None:
    dataset = events(tmp_path, [sentence(number) for number in range(24)])
    assert dataset.task == "tagging"
    assert dataset.labels == ["B-Attack", "B-Leave", "O"]
    assert sum(dataset.manifest.sizes.values()) == 24
    assert any("their arguments: --task arguments" in str(line) for line in dataset.inferences)


def test_arguments_are_a_row_for_each_event(tmp_path: Path) -> None:
    dataset = events(tmp_path, [sentence(number) for number in range(24)], task="arguments")
    assert rows(dataset) == [("Rebels", (1,), "B-Agent O B-Place I-Place O O O"), ("Rebels", (5,), "B-Agent O O O O O O")]
    assert sum(dataset.manifest.sizes.values()) == 36
    new = tmp_path / "new.jsonl"
    new.write_text(
        json.dumps({"tokens": ["a", "b"], "events": [{"type": "X", "trigger": [1, 2]}, {"type": "X", "trigger": [0, 2]}]}) + "\n"
    )
    found = list(read_rows(new, tmp_path / "work", dataset.columns, "focus").chunks())
    assert found[0].pairs == ["[1]", "[0, 1]"]


def test_types_in_triggers_and_arguments_by_id_as_ace_files_have_them(tmp_path: Path) -> None:
    made = [
        {
            "tokens": ["Rebels", "attacked", f"w{number}"],
            "entity_mentions": [{"id": "e1", "start": 0, "end": 1}],
            "event_mentions": [
                {"trigger": {"start": 1, "end": 2, "type": "Attack"}, "arguments": [{"entity_id": "e1", "role": "Agent"}]},
            ],
        }
        for number in range(24)
    ]
    assert events(tmp_path, made).labels == ["B-Attack", "O"]
    assert events(tmp_path, made, task="arguments").labels == ["B-Agent", "O"]


def test_broken_events_are_all_named_and_overlaps_counted(tmp_path: Path) -> None:
    made = [sentence(number) for number in range(24)]
    made[1]["events"][0]["trigger"] = [1, 1]
    made[2]["events"][0]["arguments"][0]["end"] = 9
    made[3]["events"][0]["trigger"] = None
    with pytest.raises(DataError) as raised:
        events(tmp_path, made, task="arguments")
    for message in (
        'row 2, column "events": Attack: from 1 to 1 stands no word. An end stands behind the last word: 2.',
        'row 3, column "events": Agent: from 0 to 9 is no place in a sentence of 7 words.',
        'row 4, column "events": Attack has no place.',
    ):
        assert message in str(raised.value)
    made = [sentence(number) for number in range(24)]
    made[5]["events"][0]["arguments"][1]["span"] = [0, 3]
    (tmp_path / "two").mkdir()
    said = [str(line) for line in events(tmp_path / "two", made, task="arguments").inferences]
    assert any(line.startswith("arguments left out: row 6 ") for line in said)


def test_events_without_a_type_among_others_are_told_with_their_rows(tmp_path: Path) -> None:
    made = [sentence(number) for number in range(24)]
    del made[5]["events"][0]["type"]
    said = [str(line) for line in events(tmp_path, made).inferences]
    assert any(line.startswith("events without a type: row 6 ") and "EVENT" in line for line in said)


def document(number: int) -> dict[str, Any]:
    """A text whose places count characters, or are only told by their words."""
    text = f"In Oslo {number} rebels attacked the old town. The mayor left, and the raid was long."

    def at(words: str) -> dict[str, int]:
        return {"start": text.index(words), "end": text.index(words) + len(words)}

    first = {"type": "Attack", "trigger": {**at("attacked"), "text": "attacked"}, "arguments": [{"role": "Agent", "entity_id": "e1"}]}
    first["arguments"] += [{"role": "Target", "text": "the old town"}, {"role": "Place", **at("Oslo")}]
    mentions = [{"trigger": "raid", "arguments": []}, {"anchor": list(at("long").values()), "arguments": [{"role": "Of", "text": "the"}]}]
    second = {
        "type": "Leave",
        "trigger": "left",
        "arguments": [{"role": "Agent", "start": text.index("mayor") + 1, "end": text.index("left")}],
    }
    things = [{"id": "e1", **at("rebels"), "label": "PER"}]
    return {"text": text, "entities": things, "events": [first, second, {"type": "Raid", "mentions": mentions}]}


def test_texts_with_events_give_triggers(tmp_path: Path) -> None:
    dataset = events(tmp_path, [document(number) for number in range(24)])
    assert dataset.task == "tagging"
    (words, tags), *_ = {
        (" ".join(words), " ".join(dataset.labels[tag] for tag in tags if dataset.labels[tag] != "O"))
        for examples in dataset.splits.values()
        for words, tags in zip(examples.words or [], examples.gold, strict=True)
    }
    assert words.startswith("In Oslo ")
    assert tags == "B-Attack B-Leave B-Raid B-Raid"


def test_texts_with_events_give_a_row_for_each_mention(tmp_path: Path) -> None:
    dataset = events(tmp_path, [document(number) for number in range(24)], task="arguments")
    assert sum(dataset.manifest.sizes.values()) == 4 * 24
    o = "O O O O O O O O O O O O O O O O O O O"
    assert rows(dataset) == [
        ("In", (4,), "O B-Place O B-Agent O B-Target I-Target I-Target " + o[: 2 * 11 - 1]),
        ("In", (11,), o[: 2 * 10] + "B-Agent" + " O" * 8),
        ("In", (15,), o),
        ("In", (17,), "O O O O O B-Of" + " O" * 13),
    ]
    said = "\n".join(map(str, dataset.inferences))
    for line in ("places found by their words: row 1, 2", "stand there several times: row 1, 2", "places inside of words: row 1, 2"):
        assert line in said
    new = tmp_path / "new.jsonl"
    new.write_text(json.dumps({"text": "They left.", "events": [{"trigger": {"text": "left"}}]}) + "\n")
    found = list(read_rows(new, tmp_path / "work", dataset.columns, "focus").chunks())
    assert (found[0].words, found[0].pairs) == ([["They", "left", "."]], ["[1]"])


def test_the_columns_of_ace_as_people_prepare_it(tmp_path: Path) -> None:
    one = {
        "trigger": {"text": "left", "start": 1, "end": 2},
        "event_type": "Move:Leave",
        "arguments": [{"role": "Who", "start": 0, "end": 1}],
    }
    made = [{"sentence": f"They left {row}", "words": ["They", "left", str(row)], "golden-event-mentions": [one]} for row in range(24)]
    assert events(tmp_path, made).labels == ["B-Move:Leave", "O"]
    assert events(tmp_path, made, task="arguments").labels == ["B-Who", "O"]


def test_entities_are_tags_beside_events_where_they_are_named(tmp_path: Path) -> None:
    assert events(tmp_path, [document(number) for number in range(24)], label="entities").labels == ["B-PER", "O"]


def test_broken_events_in_texts_are_all_named(tmp_path: Path) -> None:
    made = [document(number) for number in range(24)]
    made[1]["events"][0]["trigger"] = {"start": 7, "end": 8}
    made[2]["events"][1]["trigger"] = "vanished"
    made[3]["events"][0]["arguments"][1] = {"role": "Target"}
    made[4]["events"] = "some"
    made[5]["events"][0]["trigger"] = {"start": 3, "end": 900}
    with pytest.raises(DataError) as raised:
        events(tmp_path, made, task="arguments")
    for message in (
        'row 2, column "events": Attack: from 7 to 8 stands no word.',
        'row 3, column "events": Leave: "vanished" does not occur in the row.',
        'row 4, column "events": Target has no place. Write [start, end] or start and end, as numbers of characters.',
        'row 5, column "events": some is no list.',
        'row 6, column "events": Attack: from 3 to 900 is no place in a sentence of',
    ):
        assert message in str(raised.value)


@pytest.mark.parametrize("name", ["a.props", "a.gold_conll", "cnn_0001.v4_gold_conll"])
def test_the_endings_that_such_files_have_are_known(tmp_path: Path, name: str) -> None:
    file = conll(tmp_path, NEW) and (tmp_path / "rows.conll").rename(tmp_path / name)
    assert prepare(file, tmp_path / "again").task == "roles"
