"""Chats and translations as people keep them become plain columns; repairs are counted, what is broken is told with its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leantune.core.errors import DataError
from leantune.data.columns import Columns, Wanted, infer_columns
from leantune.data.gather import _rewrites
from leantune.data.golds import reply
from leantune.data.intake import Inference
from leantune.data.locate import bring_in, locate
from leantune.data.request import Request
from leantune.data.table import Table
from leantune.data.unlabelled import read_labelled, read_rows


def turns(*said: str, names: tuple[str, str] = ("role", "content")) -> list[dict[str, str]]:
    """From texts such as "user: Hello"."""
    return [dict(zip(names, one.split(": ", 1), strict=True)) for one in said]


HELLO = turns("user: Hello", "assistant: Hi")
LONG = turns("system: Be brief.", "user: Hello", "assistant: Hi", "user: More", "assistant: Hi there")


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "chat.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def read(folder: Path, rows: list[dict[str, Any]], notes: list[Inference] | None = None, **named: str) -> Table:
    request = Request(**named)
    return bring_in(locate(write(folder, rows))[0], folder / "raw.arrow", [] if notes is None else notes, *_rewrites(request))


def cells(table: Table) -> list[dict[str, Any]]:
    rows = [row for batch in table.batches() for row in batch.to_pylist()]
    return [{name: json.loads(value) if name == "conversation" else value for name, value in row.items()} for row in rows]


def fault(folder: Path, rows: list[dict[str, Any]]) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, rows)
    return str(caught.value)


SHARED = turns("human: Hello", "gpt: Hi", names=("from", "value"))
LAYOUTS: list[tuple[dict[str, Any], str]] = [
    ({"messages": HELLO}, 'chat messages ("messages" of'),
    ({"messages": json.dumps(HELLO)}, 'chat messages ("messages" of'),
    ({"conversation": HELLO}, 'chat messages ("conversation" of'),
    ({"conversations": SHARED}, 'ShareGPT ("conversations" of'),
    ({"prompt": HELLO[:1], "completion": HELLO[1:]}, 'chat prompts ("prompt" and "completion" of'),
    ({"instruction": "Hello", "input": "", "output": "Hi"}, 'Alpaca ("instruction" and "input" and "output" of'),
]


@pytest.mark.parametrize(("row", "told"), LAYOUTS)
def test_layouts_become_conversations_and_replies(row: dict[str, Any], told: str, tmp_path: Path) -> None:
    notes = list[Inference]()
    table = read(tmp_path, [row | {"id": "a"}, row | {"id": "b"}], notes)
    assert cells(table) == [{"conversation": HELLO[:1], "reply": "Hi", "id": name} for name in "ab"]
    assert [str(note) for note in notes] == [
        f'layout: {told} chat.jsonl: "conversation" is what is read, "reply" what the assistant says last; override with '
        "--text COL --label COL)"
    ]
    columns, _ = infer_columns(table, "chat.jsonl", Wanted())
    assert (columns.text, columns.label) == ("conversation", "reply")


def test_the_last_reply_is_learned(tmp_path: Path) -> None:
    assert cells(read(tmp_path, [{"messages": LONG}])) == [{"conversation": LONG[:-1], "reply": "Hi there"}]


def test_instructions_have_inputs_and_systems(tmp_path: Path) -> None:
    row = {"system": "Be brief.", "instruction": "Add.", "input": "1, 2", "output": 3}
    assert cells(read(tmp_path, [row])) == [{"conversation": turns("system: Be brief.", "user: Add.\n\n1, 2"), "reply": "3"}]


def test_parts_of_a_content_are_joined(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    assert cells(read(tmp_path, [{"messages": [{"role": "user", "content": parts}, HELLO[1]]}]))[0]["conversation"] == HELLO[:1]


def test_tails_are_left_out_and_doubled_turns_kept(tmp_path: Path) -> None:
    notes = list[Inference]()
    doubled = turns("user: Hello", "user: Are you there?", "assistant: Hi")
    table = read(tmp_path, [{"messages": HELLO}, {"messages": [*HELLO, *HELLO[:1]]}, {"messages": doubled}], notes)
    assert [row["conversation"] for row in cells(table)] == [HELLO[:1], HELLO[:1], doubled[:2]]
    assert [str(note) for note in notes[1:]] == [
        "turns behind the last one of the assistant: chat.jsonl row 2 (1 row; they are left out)",
        "turns of one role in a row: chat.jsonl row 3 (1 row; they are kept as they are)",
    ]


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    odd = [
        HELLO,
        turns("user: Hello", "asistant: Hi"),
        turns("user:  ", "assistant: Hi"),
        turns("assistant: Hi"),
        turns("user: Hello"),
        [],
        [{"role": "user", "content": [{"type": "image_url"}]}],
        turns("system: Be brief."),
    ]
    error = fault(tmp_path, [{"messages": found} for found in odd])
    for line in (
        'row 2, column "messages": turn 2 has the unknown role "asistant". Closest: assistant. Roles: system, user, assistant, tool',
        'row 3, column "messages": turn 1 (user) is empty.',
        'row 4, column "messages": nothing stands before the assistant\'s turn.',
        'row 6, column "messages": there is no list of turns.',
        'row 7, column "messages": turn 1 has a part of the kind image_url. Only texts can be read.',
        'row 5, 8, column "messages": the assistant says nothing in 2 of 8 rows, so there is nothing to learn.',
    ):
        assert line in error
    assert 'row 2, column "instruction": the instruction is empty' in fault(
        tmp_path, [{"instruction": said, "output": "a"} for said in ("Add.", " ")]
    )


def test_other_rows_stay_as_they_are(tmp_path: Path) -> None:
    labelled = {"messages": HELLO, "label": "greeting"}
    assert "messages" in read(tmp_path, [labelled]).columns
    named = {"instruction": "Hello", "output": "Hi"}
    assert read(tmp_path, [named], text="instruction", label="output").columns == ("instruction", "output")
    assert read(tmp_path, [{"prompt": "Hello", "completion": "Hi"}]).columns == ("prompt", "completion")


COLUMNS = Columns(text="conversation", label="reply")


def test_rows_to_predict_end_before_the_reply(tmp_path: Path) -> None:
    open_end = [*HELLO, *turns("user: More")]
    rows = read_rows(write(tmp_path, [{"messages": open_end}, {"messages": HELLO}]), tmp_path / "work", COLUMNS)
    assert [json.loads(text) for chunk in rows.chunks() for text in chunk.texts] == [open_end, HELLO[:1]]
    for row in ({"instruction": "Hello"}, {"prompt": HELLO[:1]}, {"conversation": HELLO[:1]}):
        rows = read_rows(write(tmp_path, [row]), tmp_path / "work", COLUMNS)
        assert [json.loads(text) for chunk in rows.chunks() for text in chunk.texts] == [HELLO[:1]]


def test_a_model_of_texts_leaves_chats_alone(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path, [{"messages": [], "text": "a"}]), tmp_path / "work", Columns(text="text"))
    assert rows.table.columns == ("messages", "text")


def test_labelled_chats_are_scored(tmp_path: Path) -> None:
    examples, _ = read_labelled(write(tmp_path, [{"messages": LONG}]), tmp_path, COLUMNS, ["text"], reply.MEMBER)
    assert examples.gold == [["Hi there"]]
    with pytest.raises(DataError, match="nothing to learn"):
        read_labelled(write(tmp_path, [{"messages": LONG[:2]}]), tmp_path, COLUMNS, ["text"], reply.MEMBER)


def test_translations_are_columns(tmp_path: Path) -> None:
    notes = list[Inference]()
    table = read(tmp_path, [{"id": "1", "translation": {"en": "a dog", "de": "ein Hund"}}, {"id": "2", "translation": {"en": "a"}}], notes)
    assert cells(table) == [{"en": "a dog", "de": "ein Hund", "id": "1"}, {"en": "a", "de": None, "id": "2"}]
    assert str(notes[0]) == 'layout: translations (objects with en, de in "translation")'


def test_a_chat_model_reads_plain_texts_as_what_the_user_says_and_names_the_rows_that_are_none(tmp_path: Path) -> None:
    columns, path = Columns(text="asked"), tmp_path / "new.jsonl"
    said = ["Hello", [{"role": "user", "content": "Hi"}]]
    path.write_text("".join(json.dumps({"asked": one}) + "\n" for one in said), encoding="utf-8")
    (chunk,) = read_rows(path, tmp_path, columns, "chat").chunks()
    assert [json.loads(text) for text in chunk.texts] == [[{"role": "user", "content": "Hello"}], said[1]]
    path.write_text("".join(json.dumps({"asked": one}) + "\n" for one in ["a", "", [{"from": "human"}], [{"role": "usr", "content": "x"}]]))
    with pytest.raises(DataError) as caught:
        read_rows(path, tmp_path, columns, "chat")
    for says in (
        "3 problems",
        'row 2, column "asked": there is no text',
        "row 3",
        'row 4, column "asked": turn 1 has the unknown role "usr"',
    ):
        assert says in str(caught.value)
