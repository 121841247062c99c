"""Rows with lists of events become rows of plain columns.

    {"tokens": [...], "events": [{"type": "Attack", "trigger": [3, 4], "arguments": [{"role": "Target", "start": 5, "end": 6}]}]}
    {"text": "...", "events": [{"type": "Attack", "trigger": {"start": 9, "end": 14}, "arguments": [{"role": "Target", "text": "a town"}]}]}
    {"text": "...", "events": [{"type": "Attack", "mentions": [{"trigger": "raid", "arguments": []}, ...]}]}     mentions (ACE, ERE)

The type may stand in the trigger, and an argument may name a thing of a list of entities by its id (ACE as OneIE keeps it).

For `tagging` a row stays a row, with the types of the triggers as tags; for `arguments` a row is one event: trigger, type, and the
roles as tags. Places count words from 0, in texts characters; an end stands behind the last. What has no place is found by its words
(`data.event_places`). Spans that overlap an earlier one of the row cannot be tags; they are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from leantune.core.errors import Problems, some
from leantune.core.human import plural
from leantune.data.entities import TEXTS, TOKENS
from leantune.data.event_places import Sentence, Sought
from leantune.data.intake import Inference, as_columns
from leantune.data.losses import loss
from leantune.data.names import EVENTS, TAGS, WORDS, plain
from leantune.data.table import SHOWN_ROWS, Chunk
from leantune.data.values import to_text
from leantune.data.words import nested_in

TRIGGER, TYPE, ROLES = "trigger", "type", "tags"
"""The columns that are made."""
_TYPES = ("type", "event_type", "label", "event_subtype", "subtype")
_TRIGGERS = ("trigger", "anchor", "trigger_word")
_ROLES = ("role", "argument_role", "label", "type")
_MENTIONS = ("mentions", "event_mentions", "mention")
_REFERENCES = ("entity_id", "entity")
UNTYPED = "EVENT"
"""The type of events that name none."""
_THINGS = ("entity_mentions", "golden_entity_mentions", "entities")
Row = dict[str, Any]
Span = tuple[int, int, str]
"""First word, the one behind the last, name."""


@dataclass
class _Told:
    """What became of the events of a file: numbers of rows."""

    arguments: bool
    rows: int = 0
    made: int = 0
    sought: Sought = field(default_factory=Sought)
    lost: list[tuple[int, str]] = field(default_factory=list)
    """With what stands there."""
    untyped: list[int] = field(default_factory=list)
    typed: bool = False


def event_rows(chunks: Iterator[Chunk], problems: Problems, notes: list[Inference], *, arguments: bool) -> Iterator[Chunk]:
    """Chunks of rows with tags, where the file has lists of events and no tags of its own; others as they are.

    Args:
        chunks: of one file.
        problems: where rows are told whose events are broken.
        notes: where is told what became of the events.
        arguments: a row for each event with its roles, else for each row with its triggers.
    """
    first = next(chunks, None)
    if first is None:
        return
    events, words, text = (next((name for name in first if plain(name) in known), None) for known in (EVENTS, WORDS, TEXTS))
    if events is None or (words is None and text is None) or (not arguments and any(plain(name) in TAGS for name in first)):
        yield from chain([first], chunks)
        return
    told = _Told(arguments)
    for chunk in chain([first], chunks):
        rows = list[Row]()
        for cells in zip(*chunk.values(), strict=True):
            told.rows += 1
            row = dict(zip(chunk, cells, strict=True))
            try:
                rows += _of_row(*(_worded(row, words) if words else _read(row, str(text))), events, told)
            except ValueError as error:
                problems.add(f'row {told.rows}, column "{events}": {error}.', "E-LABEL")
        told.made += len(rows)
        if rows:
            yield as_columns(rows)
    notes.extend(_notes(events, told, problems.place))


def _worded(row: Row, words: str) -> tuple[Row, Sentence]:
    """A row of words."""
    return row, Sentence.of_words([str(word) for word in _list(row[words])])


def _read(row: Row, text: str) -> tuple[Row, Sentence]:
    """A row with the words of its text instead of it."""
    said = to_text(row[text]) or ""
    sentence = Sentence.of_text(said)
    others = {name: cell for name, cell in row.items() if name not in (text, TOKENS)}
    return {TOKENS: [said[start:end] for start, end in sentence.words], **others}, sentence


def _of_row(row: Row, sentence: Sentence, events: str, told: _Told) -> list[Row]:
    """The rows that a row gives."""
    listed = list(chain.from_iterable(_mentions(_object(event)) for event in _list(row[events])))
    triggers = [_span(sentence, _trigger(event), _type(event) or UNTYPED, told) for event in listed]
    kinds = [_type(event) for event in listed]
    told.typed = told.typed or any(kinds)
    told.untyped += [told.rows] if not all(kinds) else []
    if not told.arguments:
        return [{**row, ROLES: _tags(sorted(triggers), sentence, told)}]
    things, rest = _named(row), {name: cell for name, cell in row.items() if name != events}
    found = list[Row]()
    for event, (start, end, kind) in zip(listed, triggers, strict=True):
        roles = [_argument(sentence, _object(one), things, told) for one in _list(event.get("arguments"))]
        found.append({**rest, TRIGGER: [start, end], TYPE: kind, ROLES: _tags(roles, sentence, told)})
    return found


def _mentions(event: Row) -> list[Row]:
    """The mentions of an event, which have its type where they name none; itself where it lists none."""
    listed = next((event[name] for name in _MENTIONS if name in event), None)
    if listed is None:
        return [event]
    return [{**_object(one), "type": _type(_object(one)) or _type(event)} for one in (listed if isinstance(listed, list) else [listed])]


def _trigger(event: Row) -> Any:
    return next((event[name] for name in _TRIGGERS if event.get(name) is not None), None)


def _argument(sentence: Sentence, one: Row, things: Row, told: _Told) -> Span:
    """Where an argument stands, by its own place or by that of the thing that it names."""
    own = {key: cell for key, cell in one.items() if key not in _ROLES}
    thing = next((things[str(one[name])] for name in _REFERENCES if str(one.get(name)) in things), None)
    role = str(next((one[name] for name in _ROLES if one.get(name)), ""))
    return _span(sentence, thing if thing is not None and "start" not in own and "span" not in own else own, role, told)


def _type(event: Row) -> str:
    """The type of an event, which some files keep in its trigger; "" where it has none."""
    trigger = _trigger(event)
    kept = (event, trigger if isinstance(trigger, dict) else {})
    return str(next((place[name] for place in kept for name in _TYPES if place.get(name)), ""))


def _named(row: Row) -> Row:
    """The things of a row by their ids, which arguments may name instead of a place (OneIE)."""
    cell = next((row[name] for name in row if plain(name) in _THINGS), None)
    return {str(one["id"]): one for one in map(_object, _list(cell)) if "id" in one}


def _span(sentence: Sentence, place: Any, name: str, told: _Told) -> Span:
    """Where a trigger or an argument stands.

    Raises:
        ValueError: with a sentence for people.
    """
    start, end = sentence.find(place, name, told.rows, told.sought)
    if not name or name != "".join(name.split()):
        raise ValueError(f'"{name}" is no name of a role. Write one word')
    return start, end, name


def _tags(spans: list[Span], sentence: Sentence, told: _Told) -> list[str]:
    """Spans as BIO; that one was left out is noted."""
    tags = ["O"] * len(sentence.words)
    for start, end, name in spans:
        if any(tag != "O" for tag in tags[start:end]):
            told.lost.append((told.rows, f"{name} from word {start} to {end}"))
            continue
        tags[start:end] = [f"B-{name}", *[f"I-{name}"] * (end - start - 1)]
    return tags


def _notes(events: str, told: _Told, place: str) -> Iterator[Inference]:
    """What is told of a file."""
    what, why = ("arguments", "a row for each event") if told.arguments else ("triggers", _WITHOUT)
    yield Inference(what=f'"{events}"', value=f"{told.made:,} rows", why=f"{what} of events, {why}")
    untyped, sought = told.untyped if told.typed else [], told.sought
    for rows, what_is, why in (
        (untyped, "events without a type", f"their events name no type, as others do; they are called {UNTYPED}"),
        (sought.placed, "places found by their words", "the words stand there once"),
        (sought.first, "places found by words that stand there several times", "the first place is taken"),
        (sought.moved, "places moved", "another text stands there than they say; the nearest one with that text is taken"),
        (sought.widened, "places inside of words", "the whole words are taken"),
    ):
        if rows:
            numbers = list(dict.fromkeys(rows))
            yield Inference(what=what_is, value=f"row {some(numbers, SHOWN_ROWS)}", why=f"{plural(len(numbers), 'row')}; {why}")
    if told.lost:
        why = f"{plural(len({row for row, _ in told.lost}), 'row')}; a word has one tag; of spans that overlap the first one is kept"
        yield loss(f"{what} left out", place, told.lost, of=told.rows, why=why, named=False)


_WITHOUT = "a tag for each word; their arguments: --task arguments"


def _list(cell: Any) -> list[Any]:
    found = nested_in(cell) if isinstance(cell, str) else cell
    if not isinstance(found, list | None) or (found is None and isinstance(cell, str) and cell.strip()):
        raise ValueError(f"{str(cell)[:40]} is no list")
    return found or []


def _object(value: Any) -> Row:
    if not isinstance(value, dict):
        raise ValueError(f"{str(value)[:40]} is no object with a place")
    return value
