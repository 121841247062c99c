"""What a prompt looks like in a terminal before any training: rows in its words, tokens of the label words, zero-shot answers.

On a terminal the row's own text is plain, the template green, masks yellow and soft tokens magenta; elsewhere brackets say the same:
<template> {soft}.
"""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from leantune.app.preview import Preview, PreviewedRow, Reading
from leantune.core.human import percent
from leantune.data.seen import Kind, Seen

_COLOURS: dict[Kind, str] = {
    "special": "dim",
    "template": "green",
    "text": "",
    "demonstration": "dim",
    "mask": "bold yellow",
    "soft": "magenta",
    "cut": "red",
}
_BRACKETS: dict[Kind, tuple[str, str]] = {"template": ("<", ">"), "demonstration": ("(", ")"), "soft": ("{", "}")}
NEXT = "___"
"""Where a base goes on behind the text."""
_MOST_LABELS, _MOST_ANSWERS = 12, 3
_LEGEND = "template green, text of the row plain, mask yellow, soft tokens magenta"
_PLAIN_LEGEND = "<template>, text of the row, {soft tokens}, (rows shown beside it)"


def show_preview(found: Preview, console: Console) -> None:
    """All of it: words, rows, answers, how many rows are cut, notes."""
    console.print(Text(f"{found.prompt} on {found.model}, nothing trained", style="bold"))
    show_words(found, console)
    if any(row.read for row in found.rows):
        console.print()
        _line(console, "Rows", _LEGEND if console.is_terminal else _PLAIN_LEGEND)
    for row in found.rows:
        console.print()
        show_row(found, row, console)
    console.print()
    if found.counted:
        some = "none is cut" if not found.cut else f"{found.cut:,} are cut ({percent(found.cut / found.counted)})"
        _line(console, "Cut", f"of {found.counted:,} training rows {some} at {found.longest} tokens")
    for note in found.notes:
        _line(console, "Note", note)


def show_reading(found: Reading, console: Console, *, legend: bool) -> None:
    """A row behind a prompt: template, masks, cut; nothing is answered.

    Args:
        found: the row.
        console: where it goes.
        legend: whether to tell what the colours mean before it.
    """
    if legend:
        _line(console, "Rows", _LEGEND if console.is_terminal else _PLAIN_LEGEND)
    console.print(Text(found.prompt, style="bold"))
    _line(console, f"Row {found.row}", f"label {found.label}", style="dim")
    for one in found.read:
        _show_seen(one, console)


def show_words(found: Preview, console: Console) -> None:
    """The words of each label; with their tokens where they are more than one."""
    console.print()
    spoken = found.measure == "similarity"
    for number, (label, words) in enumerate(found.words.items()):
        if number == _MOST_LABELS:
            _line(console, "", f"and {len(found.words) - number} more labels (--json has all)")
            break
        said = ", ".join(words if spoken else (_word(word, tokens) for word, tokens in words.items()))
        _line(console, "" if number else "Words", f"{label}: {said or 'none that helps'}")
    if spoken and (example := next((texts for words in found.words.values() for texts in words.values()), ())):
        _line(console, "Said as", ", ".join(f'"{text}"' for text in example))


def show_row(found: Preview, row: PreviewedRow, console: Console) -> None:
    """A row as it is read, behind each template, and what it is answered."""
    _line(console, f"Row {row.row}", f"label {row.label}", style="dim")
    for one in row.read:
        _show_seen(one, console)
    if not row.read:
        _line(console, "", "  |  ".join(row.texts))
    said = [f"{label} {_value(found, value)}" for label, value in list(row.answers.items())[:_MOST_ANSWERS]]
    right = next(iter(row.answers)) == row.label
    _line(console, "", f"{found.measure}: {', '.join(said)}", style="green" if right else "red")


def _show_seen(one: Seen, console: Console) -> None:
    left_out = f", {one.left_out} left out" if one.left_out else ""
    _line(console, "", _said(one, coloured=console.is_terminal) + Text(f"   {one.read} tokens{left_out}", style="dim"))


def _line(console: Console, head: str, body: str | Text, *, style: str = "") -> None:
    """A heading of 12 characters and what belongs to it, which goes on below itself."""
    grid = Table.grid()
    grid.add_column(width=12)
    grid.add_column(overflow="fold")
    grid.add_row(Text(head), Text(body, style=style) if isinstance(body, str) else body)
    console.print(grid)


def _word(word: str, tokens: tuple[str, ...]) -> str:
    return word if len(tokens) == 1 and tokens[0].strip("▁Ġ") == word else f"{word} ({' '.join(tokens)})"


def _value(found: Preview, value: float) -> str:
    return percent(value) if found.measure == "probability" else f"{value:+.3f}"


def _said(one: Seen, *, coloured: bool) -> Text:
    shown, before = Text(), ""
    for kind, run in groupby(one.tokens, key=lambda token: token.kind):
        tokens = list(run)
        start, end = ("", "") if coloured or kind not in _BRACKETS else _BRACKETS[kind]
        text = "".join(" " * (token.spaced and place > 0) + (token.text or NEXT) for place, token in enumerate(tokens))
        shown.append(" " if shown.plain and (tokens[0].spaced or before == "special") else "")
        shown.append(f"{start}{text}{end}", style=_COLOURS[kind] if coloured else "")
        before = kind
    return shown
