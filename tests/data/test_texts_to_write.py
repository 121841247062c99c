"""Texts to write and replies: found by name and by content, references kept, and what is wrong is told with its rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.columns import Columns, Wanted, infer_columns
from leantune.data.facts import look
from leantune.data.golds import labels, reply, text
from leantune.data.golds._gold import Gold, Labelled
from leantune.data.intake import Inference
from leantune.data.locate import bring_in, locate
from leantune.data.table import Table

N = 12
SAID = [f"a sentence of row {row}" for row in range(N)]
MEANT = [f"ein Satz von Zeile {row}" for row in range(N)]


def read(folder: Path, columns: dict[str, list[Any]], place: str = "a.jsonl") -> Table:
    """Columns by way of a file."""
    path = folder / place
    path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in zip(*columns.values(), strict=True)))
    return bring_in(locate(path)[0], folder / f"{place}.arrow", [])


def labelled(folder: Path, columns: dict[str, list[Any]], place: str = "a.jsonl") -> Labelled:
    """The first of two columns is the text, the second the label."""
    first, second = columns
    return Labelled(read(folder, columns, place), Columns(text=first, label=second), place)


def stored(source: Labelled, gold: Gold = text.MEMBER) -> list[list[str]]:
    return [row for _, cells in source.cells() for row in gold.read(cells, []).to_pylist()]


def fault(source: Labelled, gold: Gold = text.MEMBER) -> str:
    with pytest.raises(DataError) as caught:
        gold.check(source, ["text"])
    return str(caught.value)


def suited(source: Labelled, gold: Gold = text.MEMBER, *, of_words: bool = False) -> str | None:
    facts = look(source.table, [source.label])[source.label]
    return gold.suits(facts, source.table.nested.get(source.label), of_words=of_words)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"source": SAID, "target": MEANT}, ("source", "target")),
        ({"topic": ["a", "b"] * 6, "Target": MEANT, "Source": SAID}, ("Source", "Target")),
        ({"en": SAID, "de": MEANT}, ("en", "de")),
        ({"id": list(map(str, range(N))), "pt-BR": SAID, "zh_CN": [f"一只黑色的狗在睡觉{row}。" for row in range(N)]}, ("pt-BR", "zh_CN")),
        ({"dialogue": SAID, "summary": MEANT}, ("dialogue", "summary")),
        ({"text": SAID, "summary": MEANT}, ("text", "summary")),
        ({"conversation": SAID, "reply": ["yes"] * N}, ("conversation", "reply")),
    ],
)
def test_sources_and_targets_are_known_by_name(columns: dict[str, list[str]], expected: tuple[str, str], tmp_path: Path) -> None:
    found, notes = infer_columns(read(tmp_path, columns), "b.jsonl", Wanted())
    assert (found.text, found.text_pair, found.label) == (expected[0], None, expected[1])
    assert [str(note) for note in notes] == [
        f'text and label columns: "{expected[0]}" with "{expected[1]}" (a text and the text to write, named so; override with --text COL '
        "--label COL)"
    ]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"text": SAID, "summary": MEANT, "label": ["a", "b"] * 6}, "label"),
        ({"text": SAID, "summary": MEANT, "topic": ["a", "b"] * 6}, "topic"),
        ({"input": SAID, "output": ["good", "bad"] * 6}, "output"),
        ({"source": ["web", "mail"] * 6, "text": SAID, "target": ["0", "1"] * 6}, "target"),
    ],
)
def test_labels_stay_labels(columns: dict[str, list[str]], expected: str, tmp_path: Path) -> None:
    found, _ = infer_columns(read(tmp_path, columns), "b.jsonl", Wanted())
    assert found.label == expected


def test_texts_and_references_are_stored(tmp_path: Path) -> None:
    one, notes = labelled(tmp_path, {"source": SAID, "target": MEANT}), list[Inference]()
    more = labelled(tmp_path, {"source": SAID, "references": [[said, "zweitens", ""] for said in MEANT]}, "b.jsonl")
    assert text.MEMBER.learn(one, [more], notes) == ["text"]
    assert stored(one) == [[said] for said in MEANT]
    assert stored(more) == [[said, "zweitens"] for said in MEANT]
    assert [str(note) for note in notes] == ["rows with several references: 12 of b.jsonl (all are scored against)"]


def test_further_files_may_call_the_target_references(tmp_path: Path) -> None:
    columns = Columns(text="source", label="target")
    assert text.MEMBER.placed(labelled(tmp_path, {"source": SAID, "references": SAID}).table, columns).label == "references"
    assert text.MEMBER.placed(labelled(tmp_path, {"source": SAID, "target": SAID}).table, columns) == columns
    assert labels.MEMBER.placed(labelled(tmp_path, {"source": SAID, "references": SAID}).table, columns) == columns


@pytest.mark.parametrize("written", ["[laughs] well", '{"a": 1}', "[1, 2]", "[", "  spaces  "])
def test_a_text_that_looks_like_something_else_is_kept(written: str, tmp_path: Path) -> None:
    source = labelled(tmp_path, {"source": SAID, "target": [written, *MEANT[1:]]})
    text.MEMBER.check(source, [])
    assert stored(source)[0] == [written]


def test_everything_that_is_wrong_is_told_with_its_rows(tmp_path: Path) -> None:
    cells = [*MEANT[:8], "", " ", ["a b c"], {"a": 1}]
    assert fault(labelled(tmp_path, {"source": SAID, "target": cells})) == (
        "a.jsonl: 3 problems\n"
        '  row 9, 10, column "target": nothing to learn in 2 of 12 rows. Write the text or delete the row.  [E-LABEL]\n'
        '  row 12, column "target": something else than a text or a list of texts.  [E-LABEL]\n'
        '  row 11, column "target": a list in 1 of 12 rows. Write a text in every row, or a list of references in every row.  [E-LABEL]\n'
        "   [E-LABEL]"
    )
    assert "row 1, column" in fault(labelled(tmp_path, {"source": SAID, "references": [["", " "], *([["a"]] * 11)]}))
    assert "every row is empty" in fault(labelled(tmp_path, {"source": SAID, "target": [""] * N}))


def test_texts_are_told_from_labels_by_their_content(tmp_path: Path) -> None:
    assert suited(labelled(tmp_path, {"source": SAID, "target": MEANT})) == (
        '"target" holds 12 distinct values in 12 rows, texts of several words'
    )
    lists = labelled(tmp_path, {"source": SAID, "references": [[said, said] for said in MEANT]})
    assert suited(lists)
    assert suited(lists, labels.MEMBER) is None
    for cells in (["a long label of many words", "another label of words"] * 6, [f"name {row}" for row in range(N)], list(range(N))):
        assert suited(labelled(tmp_path, {"source": SAID, "target": cells})) is None
    sets = labelled(tmp_path, {"source": SAID, "target": [["price", f"delay {row}"] for row in range(N)]})
    assert suited(sets) is None
    assert suited(sets, labels.MEMBER)


TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]


def test_conversations_have_replies(tmp_path: Path) -> None:
    source = labelled(tmp_path, {"conversation": [TALK] * N, "reply": MEANT})
    assert suited(source, reply.MEMBER, of_words=True) == '"reply" holds the reply to each list of turns'
    assert suited(source, reply.MEMBER) is None
    assert suited(source, of_words=True) is None
    assert reply.MEMBER.learn(source, [], []) == ["text"]
    assert stored(source, reply.MEMBER) == [[said] for said in MEANT]


@pytest.mark.parametrize(
    ("talk", "what"),
    [
        ("Hello", '"Hello" is no conversation. Write [{"role": "user", "content": "..."}].'),
        ([], '"[]" is no conversation.'),
        (["Hello"], 'turn 1 is no object with "role" and "content".'),
        (
            [*TALK, {"role": "assistent", "content": "a"}],
            'turn 3 has the unknown role "assistent". Closest: assistant. Roles: system',
        ),
        ([*TALK, {"role": "assistant", "content": "b"}], "the conversation ends with the reply itself."),
        ([{"role": "user", "content": " "}], "turn 1 (user) is empty."),
        ([{"role": "user", "content": None}], "turn 1 (user) is empty."),
        ([{"role": "user", "content": 3}], "turn 1: the content is neither a text nor a list of parts."),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}], "turn 1 has a part of the kind image_url."),
    ],
)
def test_what_is_no_conversation(talk: Any, what: str, tmp_path: Path) -> None:
    source = labelled(tmp_path, {"conversation": [TALK, talk], "reply": ["a", "b"]})
    assert fault(source, reply.MEMBER).startswith(f'a.jsonl: row 2, column "conversation": {what}')
