"""Sentences with lists of events become rows of plain columns.

    {"tokens": [...], "events": [{"type": "Attack", "trigger": [3, 4], "arguments": [{"role": "Target", "start": 5, "end": 6}]}]}

The type may stand in the trigger, and an argument may name a thing of the list "entity_mentions" by its id (ACE as OneIE keeps it).

For `tagging` a row stays a sentence, with the types of the triggers as tags; for `arguments` a row is one event: trigger, type, and the
roles as tags. Places count words from 0, an end stands behind the last word. Spans that overlap an earlier one of the row cannot be tags;
they are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from leantune.core.errors import Problems, some
from leantune.data.intake import Inference, as_columns
from leantune.data.names import TAGS, WORDS, plain
from leantune.data.table import SHOWN_ROWS, Chunk
from leantune.data.words import nested_in

EVENTS = ("events", "event_mentions")
TRIGGER, TYPE, ROLES = "trigger", "type", "tags"
"""The columns that are made."""
_TYPES = ("type", "event_type", "label", "event_subtype")
UNTYPED = "EVENT"
"""The type of events that name none."""
_THINGS = "entity_mentions"
Row = dict[str, Any]
Span = tuple[int, int, str]
"""First word, the one behind the last, name."""


def event_rows(chunks: Iterator[Chunk], problems: Problems, notes: list[Inference], *, arguments: bool) -> Iterator[Chunk]:
    """Chunks of rows with tags, where the file has lists of events and no tags of its own; others as they are.

    Args:
        chunks: of one file.
        problems: where rows are told whose events are broken.
        notes: where is told what became of the events.
        arguments: a row for each event with its roles, else for each sentence with its triggers.
    """
    first = next(chunks, None)
    if first is None:
        return
    events, words = (next((name for name in first if plain(name) in known), None) for known in (EVENTS, WORDS))
    if events is None or words is None or (not arguments and any(plain(name) in TAGS for name in first)):
        yield from chain([first], chunks)
        return
    lost, untyped, typed, number, made = list[int](), list[int](), False, 0, 0
    for chunk in chain([first], chunks):
        rows = list[Row]()
        for cells in zip(*chunk.values(), strict=True):
            number += 1
            row = dict(zip(chunk, cells, strict=True))
            try:
                found, overlaps = _of_sentence(row, words, events, arguments=arguments)
            except ValueError as error:
                problems.add(f'row {number}, column "{events}": {error}.', "E-LABEL")
                continue
            rows += found
            lost += [number] if overlaps else []
            kinds = [_type(_object(event)) for event in _list(row[events])]
            typed = typed or any(kinds)
            untyped += [number] if not all(kinds) else []
        made += len(rows)
        if rows:
            yield as_columns(rows)
    what, why = (
        ("arguments", "a row for each event") if arguments else ("triggers", "a tag for each word; their arguments: --task arguments")
    )
    notes.append(Inference(what=f'"{events}"', value=f"{made:,} rows", why=f"{what} of events, {why}"))
    if typed and untyped:
        why = f"their events name no type, as others do; they are called {UNTYPED}"
        notes.append(Inference(what="events without a type", value=f"row {some(untyped, SHOWN_ROWS)}", why=why))
    if lost:
        why = "a word has one tag; of spans that overlap the first one is kept"
        notes.append(Inference(what=f"{what} left out", value=f"row {some(lost, SHOWN_ROWS)}", why=why))


def _of_sentence(row: Row, words: str, events: str, *, arguments: bool) -> tuple[list[Row], bool]:
    """The rows that a sentence gives, and whether spans overlap."""
    size, listed = len(_list(row[words])), [_object(event) for event in _list(row[events])]
    triggers = [_span(event, event.get("trigger"), _type(event) or UNTYPED, size) for event in listed]
    if not arguments:
        tags, lost = _tags(sorted(triggers), size)
        return [{**row, ROLES: tags}], lost
    things = _named(row)
    found, overlaps, rest = list[Row](), False, {name: cell for name, cell in row.items() if name != events}
    for event, (start, end, kind) in zip(listed, triggers, strict=True):
        told = map(_object, _list(event.get("arguments")))
        roles = [_span(one, one.get("span", things.get(str(one.get("entity_id")))), str(one.get("role", "")), size) for one in told]
        tags, lost = _tags(roles, size)
        found.append({**rest, TRIGGER: [start, end], TYPE: kind, ROLES: tags})
        overlaps = overlaps or lost
    return found, overlaps


def _type(event: Row) -> str:
    """The type of an event, which some files keep in its trigger; "" where it has none."""
    trigger = event.get("trigger")
    kept = (event, trigger if isinstance(trigger, dict) else {})
    return str(next((place[name] for place in kept for name in _TYPES if place.get(name)), ""))


def _named(row: Row) -> Row:
    """The places of things by their ids, which arguments may name instead of a place (OneIE)."""
    found = map(_object, _list(row.get(_THINGS)))
    return {str(one["id"]): one for one in found if "id" in one}


def _tags(spans: list[Span], size: int) -> tuple[list[str], bool]:
    """Spans as BIO, and whether one was left out."""
    tags, lost = ["O"] * size, False
    for start, end, name in spans:
        if any(tag != "O" for tag in tags[start:end]):
            lost = True
            continue
        tags[start:end] = [f"B-{name}", *[f"I-{name}"] * (end - start - 1)]
    return tags, lost


def _span(thing: Row, place: Any, name: str, size: int) -> Span:
    """Where a trigger or an argument stands.

    Raises:
        ValueError: with a sentence for people.
    """
    given = place if place is not None else thing
    start, end = (
        (given.get("start"), given.get("end"))
        if isinstance(given, dict)
        else given
        if isinstance(given, list) and len(given) == 2
        else (None, None)
    )
    if not (isinstance(start, int) and isinstance(end, int)):
        raise ValueError(f"{name or 'an event'} has no place. Write [start, end] or start and end, as numbers of words")
    if start == end:
        raise ValueError(f"{name}: from {start} to {end} stands no word. An end stands behind the last word: {end + 1}")
    if not 0 <= start < end <= size:
        raise ValueError(f"{name}: from {start} to {end} is no place in a sentence of {size} words")
    if not name or name != "".join(name.split()):
        raise ValueError(f'"{name}" is no name of a role. Write one word')
    return start, end, name


def _list(cell: Any) -> list[Any]:
    found = nested_in(cell) if isinstance(cell, str) else cell
    if found is not None and not isinstance(found, list):
        raise ValueError(f"{str(cell)[:40]} is no list")
    return found or []


def _object(value: Any) -> Row:
    if not isinstance(value, dict):
        raise ValueError(f"{str(value)[:40]} is no object with a place")
    return value
