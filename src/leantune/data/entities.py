"""Texts with lists of places become rows of words and tags.

    {"text": "Karl sings.", "entities": [{"start": 0, "end": 4, "label": "PER"}]}      tokens: Karl, sings, .     tags: B-PER, O, O
    {"text": "Karl sings.", "label": [[0, 4, "PER"]]}                                  the same (doccano)

Places count characters from 0, an end stands behind the last one. Words are runs of letters and digits, and each other sign; in Chinese and
Japanese each character. What does not fit words one to one is mended and told with row numbers: a place inside a word takes the whole word,
of places that share a word the first is kept, and one at which another text stands than it says is moved to that text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from leantune.core.errors import Problems, some
from leantune.core.human import plural
from leantune.data.intake import MOST_PROBLEMS, Inference
from leantune.data.losses import loss
from leantune.data.names import EVENTS, LABELS, TAGS, WORDS, plain
from leantune.data.table import SHOWN_ROWS, Chunk
from leantune.data.values import to_text
from leantune.data.words import nested_in

TOKENS, MADE_TAGS = "tokens", "tags"
"""The columns that are made."""
TEXTS = ("text", "sentence", "content", "data", "document")
PLACES = ("entities", "spans", "ner", "annotations", "label", "labels")
"""Columns that hold the lists."""
STARTS, ENDS = ("start", "start_offset", "begin", "start_char"), ("end", "end_offset", "stop", "end_char")
NAMES = ("label", "type", "entity_group", "entity_type", "tag", "entity", "category")
_CHARACTER = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_CHARACTER}]|(?:(?![{_CHARACTER}])\\w)+|[^\\w\\s]")

Found = dict[str, Any]
Bounds = tuple[int, int]


@dataclass(frozen=True)
class Columns:
    """Where texts and places stand; no places where rows are to be predicted."""

    text: str
    places: str | None


@dataclass
class Mended:
    """Rows in which something was mended."""

    moved: list[int] = field(default_factory=list)
    widened: list[int] = field(default_factory=list)
    lost: list[tuple[int, str]] = field(default_factory=list)
    """With what stands there."""


def words_in(text: str) -> list[Bounds]:
    """Where the words of a text stand.

    >>> [text[start:end] for text in ["Karl's 北京."] for start, end in words_in(text)]
    ['Karl', "'", 's', '北', '京', '.']
    """
    return [match.span() for match in _WORD.finditer(text)]


def entity_rows(
    chunks: Iterable[Chunk],
    problems: Problems,
    notes: list[Inference],
    *,
    answered: bool,
    text: str | None = None,
    places: str | None = None,
    tagging: bool = False,
) -> Iterator[Chunk]:
    """Chunks with words, and with tags where rows are answered; chunks of files without places as they are.

    Args:
        chunks: of one file.
        problems: where rows are told whose places are wrong.
        notes: where it is told what was made and what was mended.
        answered: whether every row needs its places.
        text: the column of the texts, where it is named.
        places: the column of the places, where it is named.
        tagging: tags are what is wanted, whatever label a row has beside them.
    """
    rest = iter(chunks)
    first = next(rest, {})
    whole = chain([first] if first else [], rest)
    columns = _columns(first, answered=answered, text=text, places=places, tagging=tagging)
    if columns is None:
        return whole
    return _tagged(whole, columns, problems, notes) if columns.places else _in_words(whole, columns, problems.place, notes)


def _columns(chunk: Chunk, *, answered: bool, text: str | None, places: str | None, tagging: bool) -> Columns | None:
    """Where the first rows keep texts with places; None where they have words or answers of their own, or no places."""
    if text is not None and text not in chunk:
        return None
    names = {plain(name): name for name in reversed(list(chunk))}
    text = text or next((names[name] for name in TEXTS if name in names), None)
    if text is None or any(name in names for name in WORDS):
        return None
    if not answered:
        return Columns(text, None)
    if places is not None:
        return Columns(text, places) if places in chunk and _holds_places(chunk[places]) else None
    if any(name in names for name in EVENTS):
        return None  # a list of entities beside events is what their arguments name
    found = next((names[name] for name in PLACES if name in names and _holds_places(chunk[names[name]])), None)
    rivals = [names[name] for name in (*LABELS, *TAGS) if name in names and names[name] != found]
    others = any(isinstance(_listed(cell), list) for name in rivals for cell in chunk[name]) if tagging else bool(rivals)
    return None if found is None or others else Columns(text, found)


def _in_words(chunks: Iterable[Chunk], columns: Columns, place: str, notes: list[Inference]) -> Iterator[Chunk]:
    """Rows to predict: their words beside the text."""
    for chunk in chunks:
        yield {**chunk, TOKENS: [_words(to_text(cell) or "") for cell in chunk[columns.text]]}
    notes.append(Inference(what="layout", value="texts", why=f'{place}: "{TOKENS}" are the words of "{columns.text}"'))


def _tagged(chunks: Iterable[Chunk], columns: Columns, problems: Problems, notes: list[Inference]) -> Iterator[Chunk]:
    """Labelled rows: words and tags instead of texts and places."""
    mended, row = Mended(), 0
    for chunk in chunks:
        texts = [to_text(cell) or "" for cell in chunk[columns.text]]
        tags = list[list[str] | None]()
        for text, cell in zip(texts, chunk.get(str(columns.places), [None] * len(texts)), strict=True):
            row += 1
            try:
                tags.append(_tags(text, cell, row, mended))
            except ValueError as error:
                problems.add(f'row {row}, column "{columns.places}": {error}', "E-LABEL")
                tags.append(None)
        others = {name: cells for name, cells in chunk.items() if name not in (columns.text, columns.places, TOKENS, MADE_TAGS)}
        yield {TOKENS: list(map(_words, texts)), MADE_TAGS: tags, **others}
        if len(problems.found) >= MOST_PROBLEMS:
            return
    _tell(columns, mended, row, problems.place, notes)


def _words(text: str) -> list[str]:
    return [text[start:end] for start, end in words_in(text)]


def _holds_places(cells: Iterable[Any]) -> bool:
    """Whether the first list that is not empty holds places with names."""
    first = next((found[0] for cell in cells if isinstance(found := _listed(cell), list) and found), None)
    return first is not None and _read(first) is not None


def _listed(cell: Any) -> Any:
    found: Any = nested_in(cell) if isinstance(cell, str) else cell
    return found.tolist() if hasattr(found, "tolist") else found


def _read(place: Any) -> tuple[Any, Any, Any] | None:
    """Start, end and name as they are written; None for anything else."""
    if isinstance(place, Mapping):
        found = [next((place[key] for key in keys if key in place), None) for keys in (STARTS, ENDS, NAMES)]
    else:
        found = list(place) if isinstance(place, list | tuple) and len(place) == len((STARTS, ENDS, NAMES)) else []
    start, end, name = found or (None, None, None)
    return (start, end, name) if isinstance(start, int) and isinstance(end, int) and isinstance(name, str | None) else None


def _tags(text: str, cell: Any, row: int, mended: Mended) -> list[str]:
    """BIO tags of the words of a text."""
    listed = [] if cell in (None, "") else _listed(cell)
    if not isinstance(listed, list):
        raise ValueError(f"{str(cell)[:40]} is no list of places. Write a list; an empty one where the text has none.")
    words = words_in(text)
    tags, starts = ["O"] * len(words), [start for start, _ in words]
    for start, end, name in sorted((_checked(text, place, row, mended) for place in listed), key=lambda one: (one[0], -one[1])):
        inside = [at for at in range(max(0, bisect_right(starts, start) - 1), len(words)) if words[at][1] > start and words[at][0] < end]
        if not inside:
            raise ValueError(f'"{name}" from {start} to {end}: no word stands there. Correct the place, or delete it.')
        if words[inside[0]][0] < start or words[inside[-1]][1] > end:
            mended.widened.append(row)
        if any(tags[at] != "O" for at in inside):
            mended.lost.append((row, f"{name} {text[start:end]}"))
            continue
        tags[inside[0] : inside[-1] + 1] = [f"B-{name}", *[f"I-{name}"] * (len(inside) - 1)]
    return tags


def _checked(text: str, place: Any, row: int, mended: Mended) -> tuple[int, int, str]:
    """A place that lies in the text, and at which stands what it says.

    Raises:
        ValueError: with a sentence for people.
    """
    read = _read(place)
    if read is None or not (read[2] or "").strip():
        raise ValueError(f'{str(place)[:60]} is no place with a name. Write {{"start": 0, "end": 4, "label": "PER"}} or [0, 4, "PER"].')
    start, end, name = read[0], read[1], str(read[2]).strip()
    said = to_text(place.get("text")) if isinstance(place, Mapping) else None
    if said and said.strip() and text[max(0, start) : end].strip() != said.strip():
        start, end = nearest_text(text, said.strip(), start, name)
        mended.moved.append(row)
    if not 0 <= start < end <= len(text):
        raise ValueError(f'"{name}" from {start} to {end} is no place in a text of {len(text)} characters. Ends stand behind the last one.')
    return start, end, name


def nearest_text(text: str, said: str, start: int, name: str) -> Bounds:
    """Where a text stands that is nearest to where it should."""
    found = [match.start() for match in re.finditer(re.escape(said), text)]
    if not found:
        raise ValueError(f'"{name}" at {start}: "{said[:40]}" does not occur in the text. Correct it, or delete the place.')
    at = min(found, key=lambda one: abs(one - start))
    return at, at + len(said)


def _tell(columns: Columns, mended: Mended, of: int, place: str, notes: list[Inference]) -> None:
    made = f'"{TOKENS}" are the words of "{columns.text}", "{MADE_TAGS}" say the places in "{columns.places}" in BIO'
    notes.append(Inference(what="layout", value="texts with places", why=f"{place}: {made}"))
    for rows, what, repair in (
        (mended.moved, "places moved", "another text stands there than they say; the nearest one with that text is taken"),
        (mended.widened, "places inside of words", "the whole words are taken"),
    ):
        if rows:
            numbers = list(dict.fromkeys(rows))
            why = f"{plural(len(rows), 'place')} in {plural(len(numbers), 'row')}; {repair}"
            notes.append(Inference(what=what, value=f"{place} row {some(numbers, SHOWN_ROWS)}", why=why))
    if mended.lost:
        where = f"{plural(len(mended.lost), 'place')} in {plural(len({row for row, _ in mended.lost}), 'row')}"
        why = f"{where}; a word has one tag; of places that overlap the first one is kept"
        notes.append(loss("places left out", place, mended.lost, of=of, why=why))
