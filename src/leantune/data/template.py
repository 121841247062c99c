"""Template: how a row is put into words, read from one line of data.

    Template.parse("{premise}? {mask}, {hypothesis:lower1}", {"premise": 0, "hypothesis": 1})

    {column}          a text of the row; filters behind colons: lower1 (first letter small), nodot (no full stop at its end),
                      keep (never shortened), max=64 (so many characters at most); where it is too long its head is read, or its
                      tail, or both (both=0.5: half of it from its beginning, a quarter when not given), or the words that tell the
                      most (compress)
    {mask}            where the word of the label is sought
    {soft:10}         ten trained tokens that are no words; {soft:Is this good} starts them from words, as many as these are
    {{ and }}         braces

Nothing is evaluated: these are all the things that a template can say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leantune.core.errors import SpecError, nearest
from leantune.core.long import WAYS, Both, Head, Long

FILTERS = ("lower1", "nodot", "keep", "head", "tail", "both", "both=SHARE", "compress", "max=N")


_PLAIN = tuple(name for name in FILTERS if "=" not in name)
_WAYS = ("head", "tail", "both", "compress")


@dataclass(frozen=True)
class Field:
    """A text of the row."""

    place: int
    """0: the first text, 1: the second."""
    filters: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether it is never shortened."""
        return "keep" in self.filters

    @property
    def way(self) -> dict[str, Any] | None:
        """How it is shortened, for `data.cuts`; None where it is not said."""
        found = [name for name in self.filters if name.partition("=")[0] in _WAYS]
        if not found:
            return None
        name, _, share = found[-1].partition("=")
        return (Both(first=float(share)) if share else WAYS[name]()).plain()

    def said(self, text: str) -> str:
        """The text as the filters make it."""
        found = text.strip()
        for name in self.filters:
            if name == "lower1":
                found = found[:1].lower() + found[1:]
            elif name == "nodot":
                found = found.rstrip(".。")
            elif name.startswith("max="):
                found = found[: int(name.removeprefix("max="))].rstrip()
        return found


@dataclass(frozen=True)
class Mask:
    """Where a word is sought."""


@dataclass(frozen=True)
class Soft:
    """Trained tokens."""

    tokens: int = 0
    """How many that start from no word."""
    words: str = ""
    """Words that they start from; a space in front of the part belongs to them, as it does in a text."""


Part = str | Field | Mask | Soft


@dataclass(frozen=True)
class Rendered:
    """A row in words."""

    text: str
    fields: list[tuple[int, int]]
    """First character of each text that may be shortened and the one behind it."""
    ways: list[dict[str, Any]]
    """How each of them is shortened, for `data.cuts`."""
    masks: list[tuple[int, int]]
    """The same of each place where a word is sought."""
    softs: tuple[tuple[int, int], ...] = ()
    """The same of each run of trained tokens."""

    def behind(self, text: str) -> Rendered:
        """The same with a text before it."""
        spans = (self.fields, self.masks, self.softs)
        fields, masks, softs = ([(start + len(text), end + len(text)) for start, end in own] for own in spans)
        return Rendered(text + self.text, fields, self.ways, masks, tuple(softs))

    def before(self, text: str) -> Rendered:
        """The same with a text behind it."""
        return Rendered(self.text + text, self.fields, self.ways, self.masks, self.softs)


@dataclass(frozen=True)
class Template:
    """A template taken apart."""

    source: str
    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, source: str, columns: Mapping[str, int]) -> Template:
        """Read a template.

        Args:
            source: as the user wrote it.
            columns: names that a text of the row goes by, with its place (0 or 1).

        Raises:
            SpecError: E-EXPR for what cannot be read, with the place; E-NAME for a column that is not there, with the nearest one.
        """
        found = cls(source, tuple(_spaced([_part(source, piece, columns) for piece in _pieces(source)])))
        if not found.masks:
            raise SpecError(f'The prompt "{source}" has no {{mask}}. Put one where the word of the label belongs.', "E-EXPR")
        if not any(isinstance(part, Field) for part in found.parts):
            raise SpecError(f'The prompt "{source}" has no text of the row. {_put_in(columns)}', "E-EXPR")
        return found

    @property
    def masks(self) -> int:
        """Places where a word is sought."""
        return sum(isinstance(part, Mask) for part in self.parts)

    @property
    def ends_with_mask(self) -> bool:
        """Whether nothing but full stops and spaces stands behind the only mask."""
        at = max(place for place, part in enumerate(self.parts) if isinstance(part, Mask))
        rest = self.parts[at + 1 :]
        return self.masks == 1 and all(isinstance(part, str) and not part.strip(" .。") for part in rest)

    @property
    def softs(self) -> tuple[Soft, ...]:
        """Runs of trained tokens."""
        return tuple(part for part in self.parts if isinstance(part, Soft))

    @property
    def ways(self) -> list[dict[str, Any]]:
        """How each text that may be shortened is, for `data.cuts`."""
        return [part.way or Head().plain() for part in self.parts if isinstance(part, Field) and not part.kept]

    def cutting(self, long: Long) -> Template:
        """The same with the ways of the study for texts that do not say how they are shortened."""

        def said(part: Part) -> Part:
            if not isinstance(part, Field) or part.kept or part.way:
                return part
            way = long.ways[part.place]
            return Field(part.place, (*part.filters, f"both={way.first:g}" if isinstance(way, Both) else way.name))

        return self if long.is_head else Template(self.source, tuple(said(part) for part in self.parts))

    def render(self, texts: Sequence[str], masks: Sequence[str], softs: Sequence[str] = ()) -> Rendered:
        """A row in words.

        Args:
            texts: of the row, one or two.
            masks: what stands at each mask.
            softs: what stands at each run of trained tokens.
        """
        text, fields, spans = "", list[tuple[int, int]](), {Mask: list[tuple[int, int]](), Soft: list[tuple[int, int]]()}
        said = {Mask: iter(masks), Soft: iter(softs)}
        for part in self.parts:
            piece = part if isinstance(part, str) else part.said(texts[part.place]) if isinstance(part, Field) else next(said[type(part)])
            span = (len(text), len(text) + len(piece))
            text += piece
            if isinstance(part, Mask | Soft):
                spans[type(part)].append(span)
            elif isinstance(part, Field) and not part.kept:
                fields.append(span)
        return Rendered(text, fields, self.ways, spans[Mask], tuple(spans[Soft]))


@dataclass(frozen=True)
class _Braced:
    """What stands between braces, and the number of its first character."""

    inside: str
    at: int


def _pieces(source: str) -> list[str | _Braced]:
    """Literal texts, and what stands between braces."""
    found, literal, at = list[str | _Braced](), "", 0
    while at < len(source):
        letter = source[at]
        if source[at : at + 2] in ("{{", "}}"):
            literal, at = literal + letter, at + 2
        elif letter == "}":
            raise SpecError(_broken(source, at, 'a "}" without a "{" before it'), "E-EXPR")
        elif letter != "{":
            literal, at = literal + letter, at + 1
        else:
            end = source.find("}", at)
            if end < 0 or "{" in source[at + 1 : end]:
                raise SpecError(_broken(source, at, 'a "{" without its "}"'), "E-EXPR")
            found += [*[literal] * bool(literal), _Braced(source[at + 1 : end], at + 1)]
            literal, at = "", end + 1
    return [*found, *[literal] * bool(literal)]


def _put_in(columns: Mapping[str, int]) -> str:
    """How a text gets into a template; a column called "mask" goes by its other name, because {mask} is taken."""
    example = next((name for name in columns if name != "mask"), "text")
    if "mask" not in columns:
        return f"Put one in, such as {{{example}}}."
    other = next((name for name, place in columns.items() if name != "mask" and place == columns["mask"]), example)
    return f'{{mask}} is where the word of the label belongs and never the column "mask": write {{{other}}} for that column.'


def _broken(source: str, at: int, what: str) -> str:
    return f'The prompt "{source}": character {at + 1} is {what}. Braces that are meant as such are doubled: {{{{ and }}}}.'


def _part(source: str, piece: str | _Braced, columns: Mapping[str, int]) -> Part:
    if isinstance(piece, str):
        return piece
    name, *filters = (one.strip() for one in piece.inside.split(":"))
    if name == "mask" and not filters:
        return Mask()
    where = f'The prompt "{source}", character {piece.at}'
    if name == "soft" and (filters or name not in columns):
        return _soft(where, piece.inside.partition(":")[2].strip())
    if name not in columns:
        close = nearest(name, [*columns, "mask"])
        hint = f' Closest: "{close}".' if close else ""
        raise SpecError(f'{where}: there is no column "{name}".{hint} All: {", ".join([*columns, "mask"])}.', "E-NAME")
    for one in filters:
        number = one.removeprefix("max=")
        share = re.fullmatch(r"both=0?\.\d*[1-9]\d*", one)
        if one not in _PLAIN and not share and not (one.startswith("max=") and number.isdecimal() and int(number) > 0):
            raise SpecError(f'{where}: "{one}" is no filter. All: {", ".join(FILTERS)}.', "E-NAME")
    return Field(columns[name], tuple(filters))


def _soft(where: str, said: str) -> Soft:
    number = said.replace(".", "").replace(",", "").removeprefix("-").isdecimal()
    if not said or (number and not (said.isdecimal() and int(said) > 0)):
        message = f"{where}: {{soft:{said}}} is no soft token. Say how many, such as {{soft:10}}, or the words that they start from"
        raise SpecError(f"{message}, such as {{soft:Is this good}}.", "E-EXPR")
    return Soft(tokens=int(said)) if number else Soft(words=said)


def _spaced(parts: Sequence[Part]) -> Iterator[Part]:
    """The parts, with the space before trained tokens given to these: byte-level tokenizers would make a token of it alone."""
    for before, part, after in zip(["", *parts], parts, [*parts[1:], ""], strict=False):
        if isinstance(part, str) and isinstance(after, Soft):
            yield from [part.rstrip()] * bool(part.rstrip())
        elif isinstance(part, Soft) and part.words and isinstance(before, str) and before[-1:].isspace():
            yield replace(part, words=f" {part.words}")
        else:
            yield part
