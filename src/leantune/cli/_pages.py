"""What the pages of methods, prompts and teachers share: tables of links, their pages, options with defaults and meanings."""

from __future__ import annotations

import inspect
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from leantune.core.link import Link, LinkCard


def cards_of(shelf: str) -> dict[str, LinkCard]:
    """The card of every prompt or teacher, by its name."""
    from leantune.core import catalogue

    return {name: catalogue.load(shelf, name).card for name in catalogue.names(shelf)}


def show_cards(console: Console, shelf: str) -> None:
    """A table of all prompts or teachers."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(shelf.rstrip("s"), style="cyan", no_wrap=True)
    for heading, least in (("what it is", 12), ("when to use it", 30), ("paper", 16)):
        table.add_column(heading, min_width=least)
    for name, card in cards_of(shelf).items():
        table.add_row(name, card.title, card.when, card.paper)
    console.print(table)


def show_link(console: Console, shelf: str, expression: str, *, as_json: bool, footer: str) -> None:
    """The page of a prompt or a teacher.

    Args:
        console: where it goes.
        shelf: prompts or teachers.
        expression: its name, or that with options; a wrong one is told.
        as_json: print data instead.
        footer: the last line, with {name} for its name.
    """
    from leantune.core import catalogue
    from leantune.core.expressions import parse_chain

    link = parse_chain(expression)[0]
    member: type[Link] = catalogue.load(shelf, link.name)
    if "(" in expression:  # a bare name asks what options there are, whether or not it needs any
        member.from_call(link)
    card, options = cards_of(shelf)[link.name], options_of(member)
    if as_json:
        print(json.dumps({"name": link.name, "card": card.model_dump(), "options": options}, indent=2, default=str))  # noqa: T201
        return
    console.print(inspect.getdoc(sys.modules[member.__module__]) or "", markup=False, highlight=False)
    console.print(f"\n{'When':<12}{card.when}\n{'Paper':<12}{card.paper}", markup=False, highlight=False)
    show_options(console, options)
    console.print("\n" + footer.format(name=link.name), markup=False, highlight=False)


def options_of(member: type[Link]) -> list[dict[str, Any]]:
    """Name, default and meaning of each option of a member of the shelf."""
    return [
        {
            "name": name,
            "default": "needed" if field.is_required() else field.get_default(call_default_factory=True),
            "meaning": " ".join((field.description or "").split()),
        }
        for name, field in member.model_fields.items()
    ]


def show_options(console: Console, options: list[dict[str, Any]]) -> None:
    """The same as a table, or that there are none."""
    from rich.markup import escape
    from rich.table import Table

    if not options:
        console.print("\nIt has no options of its own.", markup=False)
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("option", style="cyan", no_wrap=True)
    table.add_column("default", overflow="fold")
    table.add_column("meaning", overflow="fold")
    for option in options:
        table.add_row(option["name"], escape(_value(option["default"])), escape(option["meaning"]))
    console.print()
    console.print(table)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(str(item) for item in value)}]"
    return str(value)
