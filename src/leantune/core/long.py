"""How a text that is too long is read: one line of data, the same in CLI and Python.

head   tail   both(first=0.25)   windows(stride=192, most=4, pool=mean)   select(by=auto)   compress      text=tail, text_pair=head

Long.parse("text=tail", {"text": 0, "text_pair": 1}).ways        (Tail(), Head())
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from leantune.core.errors import Problems, SpecError, unknown_name
from leantune.core.expressions import Call, parse_call, split_list
from leantune.core.link import Link

FIELDS = {"text": 0, "text_pair": 1}
"""What texts are called in what `Long` writes."""


class Way(Link):
    """How one text is read where it is too long."""

    name: ClassVar[str]
    reads: ClassVar[str]
    """What of it is read, for people."""

    def __str__(self) -> str:
        return str(Call(self.name, (), self.model_dump(exclude_defaults=True)))

    def plain(self) -> dict[str, Any]:
        """As plain values, for `data.cuts`."""
        return {"name": self.name, **self.model_dump()}


class Head(Way):
    """The beginning."""

    name: ClassVar[str] = "head"
    reads: ClassVar[str] = "their beginning is read"


class Tail(Way):
    """The end."""

    name: ClassVar[str] = "tail"
    reads: ClassVar[str] = "their end is read"


class Both(Way):
    """The beginning and the end (Sun et al. 2019, arXiv:1905.05583: 128 and 382 of 510 tokens)."""

    name: ClassVar[str] = "both"
    reads: ClassVar[str] = "their beginning and their end are read"

    first: float = Field(default=0.25, gt=0, lt=1)
    """Share of the tokens that come from the beginning."""


class Windows(Way):
    """All of it, in overlapping windows whose logits are pooled."""

    name: ClassVar[str] = "windows"
    reads: ClassVar[str] = "they are read in overlapping windows, so nothing is lost"

    stride: int | None = Field(default=None, ge=1)
    """Tokens from the start of a window to that of the next; three quarters of a window when not given."""
    most: int = Field(default=4, ge=1)
    """Windows of a row at one visit in training, drawn anew each time; all are read where nothing is trained."""
    pool: Literal["mean", "max"] = "mean"
    """How the logits of a row come from those of its windows."""


class Select(Way):
    """The sentences that matter, in their order."""

    name: ClassVar[str] = "select"
    reads: ClassVar[str] = "the sentences that matter are read"

    by: Literal["auto", "labels", "pair", "text"] = "auto"
    """What matters: words that tell the labels of the training rows apart, the other text of a pair, the text itself; auto: the other text
    where there is one, else labels, else the text itself."""


class Compress(Way):
    """The words that a decoder did not expect (Li et al. 2023, arXiv:2310.06201), in their order."""

    name: ClassVar[str] = "compress"
    reads: ClassVar[str] = "the words that tell the most are read"


WAYS: dict[str, type[Way]] = {way.name: way for way in (Head, Tail, Both, Windows, Select, Compress)}


@dataclass(frozen=True)
class Long:
    """The ways of both texts of a row; a single text goes by the first."""

    ways: tuple[Way, Way] = (Head(), Head())

    @classmethod
    def parse(cls, text: str, columns: Mapping[str, int]) -> Long:
        """Read what `__str__` wrote, or what the user did.

        Args:
            text: a way for all texts, or `FIELD=WAY, FIELD=WAY`; a text that is not named is read from its head.
            columns: names that a text goes by, with its place (0 or 1).

        Raises:
            SpecError: E-NAME, E-OPTION or E-RANGE with everything that is wrong.
        """
        found, problems = dict[int, Way](), Problems("--long")
        for field, way in ways_by_field(text).items():
            if field is None:
                return cls((way, way))
            if field not in columns:
                problems.add(unknown_name("field", field, list(columns)).message, "E-NAME")
            elif columns[field] in found:
                problems.add(f'"{field}" is given twice.', "E-OPTION")
            else:
                found[columns[field]] = way
        problems.raise_if_any(SpecError)
        return cls((found.get(0, Head()), found.get(1, Head())))

    def __str__(self) -> str:
        first, second = map(str, self.ways)
        return first if first == second else f"text={first}, text_pair={second}"

    @property
    def plain(self) -> list[dict[str, Any]]:
        """As plain values, for `data.cuts`."""
        return [way.plain() for way in self.ways]

    @property
    def is_head(self) -> bool:
        """Whether texts are cut as tokenizers cut them."""
        return self == USUAL

    @property
    def windows(self) -> Windows | None:
        """How windows are made, where a text is read in them."""
        return next((way for way in self.ways if isinstance(way, Windows)), None)

    @property
    def selects(self) -> bool:
        """Whether sentences are chosen."""
        return any(isinstance(way, Select) for way in self.ways)

    @property
    def compresses(self) -> bool:
        """Whether words are left out that the base expected."""
        return any(isinstance(way, Compress) for way in self.ways)

    def of(self, *, paired: bool) -> Long:
        """The same for rows of one text or two: what no text goes by is left out."""
        return self if paired else Long((self.ways[0], self.ways[0]))


USUAL = Long()
"""Texts are cut at their end, as every library cuts them."""


def ways_by_field(text: str) -> dict[str | None, Way]:
    """The way of each field; None is all texts.

    Raises:
        SpecError: E-NAME, E-OPTION or E-RANGE with everything that is wrong.
    """
    found, problems, parts = dict[str | None, Way](), Problems("--long"), split_list(text)
    for part in parts:
        field, way = _field(part)
        try:
            read = _read(way)
        except SpecError as error:
            problems.add(error.message, error.code)
            continue
        if field is None and len(parts) > 1:
            problems.add(f'"{part}" names no field. Write FIELD=WAY for each, such as text=tail, text_pair=head.', "E-OPTION")
        elif field in found:
            problems.add(f'"{field}" is given twice.', "E-OPTION")
        found[field] = read
    if not parts:
        problems.add(f"it is empty. All: {', '.join(WAYS)}.", "E-OPTION")
    problems.raise_if_any(SpecError)
    return found


def one_line(value: str | Mapping[str, str]) -> str:
    """One line, of Python's `{"text": "tail"}` too."""
    return value if isinstance(value, str) else ", ".join(f"{field}={way}" for field, way in value.items())


def _read(text: str) -> Way:
    call = parse_call(text)
    if call.name not in WAYS:
        raise unknown_name("way to read long texts", call.name, list(WAYS))
    found: Way = WAYS[call.name].from_call(call)
    return found


def _field(part: str) -> tuple[str | None, str]:
    """`text=tail` taken apart; an equals sign behind a bracket is an option's."""
    field, sign, way = part.partition("=")
    return (field.strip(), way) if sign and "(" not in field else (None, part)
