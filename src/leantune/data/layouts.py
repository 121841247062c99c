"""Rows as people keep chats, translations and texts with places become rows of plain columns, whatever file they come from.

    {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]}          conversation, reply
    {"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}]}              conversation, reply
    {"prompt": [{"role": "user", "content": "Hello"}], "completion": [{"role": "assistant", ...}]}        conversation, reply
    {"instruction": "Greet.", "input": "", "output": "Hi"}                                                conversation, reply
    {"translation": {"en": "a dog", "de": "ein Hund"}}                                                    en, de
    {"text": "Karl sings", "entities": [{"start": 0, "end": 4, "label": "PER"}]}                          tokens, tags (`data.entities`)

The reply is the last turn of the assistant, the conversation everything before it. Rows to predict may end before the reply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, pairwise
from typing import Any

from leantune.core.errors import Problems, some
from leantune.core.human import plural
from leantune.data.chat import ASSISTANT, CONVERSATION, REPLY, Turn, turn
from leantune.data.entities import entity_rows
from leantune.data.intake import MOST_PROBLEMS, Inference
from leantune.data.losses import loss
from leantune.data.names import LABELS, language, plain
from leantune.data.table import SHOWN_ROWS, Chunk
from leantune.data.values import to_text
from leantune.data.words import nested_in

_FIELDS = (("role", "content"), ("from", "value"))
_ROLES = {"human": "user", "gpt": ASSISTANT, "chatgpt": ASSISTANT, "bot": ASSISTANT, "model": ASSISTANT, "developer": "system"}
"""Other names of the roles."""
_LISTS = (
    ("chat messages", ("messages",)),
    ("ShareGPT", ("conversations",)),
    ("chat messages", (CONVERSATION,)),
    ("chat prompts", ("prompt", "completion")),
)
"""Columns of turns."""
_ALPACA = ("instruction", "input", "output")

Row = dict[str, Any]


@dataclass
class Said:
    """What is told of the chats of a file."""

    tails: list[tuple[int, str]] = field(default_factory=list)
    """Rows that go on behind the last turn of the assistant, and how."""
    doubled: list[int] = field(default_factory=list)
    """Rows in which somebody speaks twice in a row."""
    unanswered: list[int] = field(default_factory=list)
    """Rows without a turn of the assistant."""


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are kept.

    Attributes:
        name: for people.
        columns: that are read.
        turns: of a row; ValueError with a sentence for people.
    """

    name: str
    columns: tuple[str, ...]
    turns: Callable[[Row], list[Turn]]


def plain_rows(
    chunks: Iterable[Chunk], problems: Problems, notes: list[Inference], *, answered: bool, tagging: bool = False
) -> Iterator[Chunk]:
    """Chunks with plain columns; chunks of other files as they are.

    Args:
        chunks: of one file.
        problems: where it is noted what is wrong with a row.
        notes: where it is noted what was worked out.
        answered: whether every row needs a reply.
        tagging: of texts with places tags are wanted, whatever label a row has beside them.
    """
    rest = iter(chunks)
    first = next(rest, {})
    whole = chain([first] if first else [], rest)
    if layout := _layout(first, answered=answered):
        return _chats(whole, layout, problems, notes, answered=answered)
    if _languages(first):
        return _translations(whole, notes)
    return entity_rows(whole, problems, notes, answered=True, tagging=tagging) if answered else whole


def _layout(chunk: Chunk, *, answered: bool) -> Layout | None:
    """How the first rows keep a chat; None where they keep none, or have labels."""
    names = {plain(name): name for name in chunk}
    if any(name in names for name in (REPLY, *LABELS[:2])):
        return None
    for title, known in _LISTS:
        columns = tuple(names[name] for name in known if name in names)
        enough = len(columns) == len(known) or (columns == known[:1] and not answered)
        if enough and columns and (fields := _fields(chunk[columns[0]])):
            return Layout("ShareGPT" if fields == _FIELDS[1] else title, columns, partial(_turns, columns=columns, fields=fields))
    texts = {name: names[name] for name in ("system", *_ALPACA) if name in names}
    if _ALPACA[0] in texts and (_ALPACA[2] in texts or not answered) and not any(map(_list, chunk[texts[_ALPACA[0]]])):
        return Layout("Alpaca", tuple(texts.values()), partial(_alpaca, columns=texts))
    return None


def _fields(values: Iterable[Any]) -> tuple[str, str] | None:
    """The names of the two fields of turns, from the first row that has any."""
    turns = next((found for value in values if (found := _list(value))), [])
    first = turns[0] if turns and isinstance(turns[0], dict) else {}
    return next((fields for fields in _FIELDS if fields[0] in first), None)


def _list(value: Any) -> list[Any]:
    """A list as it is, as an array, or as JSON in a text; nothing for anything else."""
    found = nested_in(value) if isinstance(value, str) else value.tolist() if hasattr(value, "tolist") else value
    return list(found) if isinstance(found, list | tuple) else []


def _turns(row: Row, columns: tuple[str, ...], fields: tuple[str, str]) -> list[Turn]:
    """The turns in all columns, one column behind the other."""
    found = [one for column in columns for one in _list(row[column])]
    if not found:
        raise ValueError("there is no list of turns.")
    return [turn(one, number, names=fields, roles=_ROLES) for number, one in enumerate(found, 1)]


def _alpaca(row: Row, columns: Mapping[str, str]) -> list[Turn]:
    """Instruction and input are said by the user, the output by the assistant."""
    texts = {name: to_text(row[column]) or "" for name, column in columns.items()}
    if not texts[_ALPACA[0]].strip():
        raise ValueError("the instruction is empty. Write it, or delete the row.")
    asked = "\n\n".join(texts[name] for name in _ALPACA[:2] if texts.get(name, "").strip())
    said = [("system", texts.get("system", "")), ("user", asked), (ASSISTANT, texts.get(_ALPACA[2], ""))]
    return [{"role": role, "content": content} for role, content in said if content.strip()]


def _chats(chunks: Iterable[Chunk], layout: Layout, problems: Problems, notes: list[Inference], *, answered: bool) -> Iterator[Chunk]:
    said, row = Said(), 0
    for chunk in chunks:
        talks: list[list[Turn] | None] = []
        replies: list[str | None] = []
        for values in zip(*(chunk.get(name, [None] * len(next(iter(chunk.values())))) for name in layout.columns), strict=True):
            row += 1
            talk, reply = None, None
            try:
                talk, reply = _parted(layout.turns(dict(zip(layout.columns, values, strict=True))), row, said, answered=answered)
            except ValueError as error:
                problems.add(f'row {row}, column "{layout.columns[0]}": {error}', "E-TEXT")
            talks.append(talk)
            replies.append(reply)
        others = {name: values for name, values in chunk.items() if name not in layout.columns}
        yield {CONVERSATION: talks} | ({REPLY: replies} if answered or any(replies) else {}) | others
        if len(problems.found) >= MOST_PROBLEMS:
            return
    _tell(layout, said, row, problems, notes, answered=answered)


def _parted(turns: list[Turn], row: int, said: Said, *, answered: bool) -> tuple[list[Turn], str | None]:
    """What stands before the reply, and the reply; what is left out is noted."""
    if any(one["role"] == other["role"] for one, other in pairwise(turns)):
        said.doubled.append(row)
    spoken = [place for place, one in enumerate(turns) if one["role"] == ASSISTANT]
    if not answered and turns[-1]["role"] != ASSISTANT:
        return turns, None
    if not spoken:
        said.unanswered.append(row)
        return turns, None
    if spoken[-1] == 0:
        raise ValueError("nothing stands before the assistant's turn. Write what the user said, or delete the row.")
    if spoken[-1] < len(turns) - 1:
        said.tails.append((row, json.dumps(turns[spoken[-1] + 1 :], ensure_ascii=False)))
    return turns[: spoken[-1]], turns[spoken[-1]]["content"]


def _tell(layout: Layout, said: Said, rows: int, problems: Problems, notes: list[Inference], *, answered: bool) -> None:
    columns, place = " and ".join(f'"{name}"' for name in layout.columns), problems.place
    why = f'{columns} of {place}: "{CONVERSATION}" is what is read' + (f', "{REPLY}" what the assistant says last' if answered else "")
    notes.append(Inference(what="layout", value=layout.name, why=why, override="--text COL --label COL"))
    if said.unanswered:
        what = f"the assistant says nothing in {len(said.unanswered):,} of {rows:,} rows, so there is nothing to learn."
        fix = "Write its turn, delete the row, or use the file with `leantune predict`."
        problems.add(f"row {some(said.unanswered, SHOWN_ROWS)}, column {columns}: {what} {fix}", "E-LABEL")
    if said.tails:
        why = f"{plural(len(said.tails), 'row')}; they are left out"
        notes.append(loss("turns behind the last one of the assistant", place, said.tails, of=rows, why=why))
    if said.doubled:
        value, why = f"{place} row {some(said.doubled, SHOWN_ROWS)}", f"{plural(len(said.doubled), 'row')}; they are kept as they are"
        notes.append(Inference(what="turns of one role in a row", value=value, why=why))


def _languages(chunk: Chunk) -> list[str]:
    """The languages in a column of translations."""
    first = next(iter(chunk.get("translation", ())), None)
    names = list(first) if isinstance(first, dict) else []
    return names if len(names) > 1 and all(language(name) for name in names) else []


def _translations(chunks: Iterable[Chunk], notes: list[Inference]) -> Iterator[Chunk]:
    names: list[str] = []
    for chunk in chunks:
        if not names:
            names = _languages(chunk)
            notes.append(Inference(what="layout", value="translations", why=f'objects with {some(names)} in "translation"'))
        rows = [value if isinstance(value, dict) else {} for value in chunk["translation"]]
        yield {name: [row.get(name) for row in rows] for name in names} | {
            name: values for name, values in chunk.items() if name not in ("translation", *names)
        }
