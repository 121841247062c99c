"""What the pages of methods and prompts share: a table of options with defaults and meanings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from leantune.core.link import Link


def options_of(member: type[Link]) -> list[dict[str, Any]]:
    """Name, default and meaning of each option of a member of the shelf."""
    return [
        {"name": name, "default": field.get_default(call_default_factory=True), "meaning": " ".join((field.description or "").split())}
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
