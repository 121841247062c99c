"""`leantune prompts`: every prompt in a table; `leantune prompts cloze`: the page of one; with a FILE how its rows look in it."""

from __future__ import annotations

import inspect
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leantune.cli import _options as option
from leantune.cli._pages import options_of, show_options

if TYPE_CHECKING:
    from rich.console import Console

    from leantune.app.preview import Preview
    from leantune.kinds.prompt import Prompt


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help='A prompt, or with a FILE an expression such as "cloze(calibrate=true)".')
    ] = None,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="Labelled file: see its rows as the base reads them, before any training.")
    ] = None,
    model: option.Model = option.DEFAULT_MODEL,
    prompt: option.Prompt = None,
    generator: option.Generator = None,
    labels: option.Labels = None,
    text: option.Text = None,
    text_pair: option.TextPair = None,
    label: option.Label = None,
    max_length: option.MaxLength = None,
    long: option.Long = "head",
    rows: Annotated[int, typer.Option(min=1, help="Training rows of FILE that are shown, of each label in turn.")] = 3,
    device: option.Device = "auto",
    as_json: option.Json = False,
) -> None:
    """List the prompts; with a NAME its options and paper; with a FILE too, its rows in the prompt and what the base answers already."""
    from leantune.cli._console import console

    if name is None:
        _table(console(), as_json=as_json)
    elif file is None:
        _page(console(), name, as_json=as_json)
    else:
        columns = {"text": text, "text_pair": text_pair, "label": label}
        found = _preview(
            name,
            file,
            rows,
            model=model,
            prompt=prompt,
            generator=generator,
            labels=labels,
            max_length=max_length,
            long=long,
            device=device,
            **columns,
        )
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            from leantune.cli._preview import show_preview

            show_preview(found, console())


def _table(console: Console, *, as_json: bool) -> None:
    from rich.table import Table

    from leantune.core import catalogue

    cards = {name: catalogue.load("prompts", name).card for name in catalogue.names("prompts")}
    if as_json:
        typer.echo(json.dumps({name: card.model_dump() for name, card in cards.items()}, indent=2))
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("prompt", style="cyan", no_wrap=True)
    for heading, least in (("what it is", 12), ("when to use it", 30), ("paper", 16)):
        table.add_column(heading, min_width=least)
    for name, card in cards.items():
        table.add_row(name, card.title, card.when, card.paper)
    console.print(table)
    for line in (
        "\nA prompt stands before a method: cloze | lora trains LoRA behind it, cloze | frozen nothing at all.",
        "The page of one with its options: leantune prompts cloze",
        'Your rows in it, before any training: leantune prompts cloze FILE --model M --prompt "{text} It was {mask}."',
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _page(console: Console, name: str, *, as_json: bool) -> None:
    from leantune.core import catalogue
    from leantune.core.expressions import parse_chain

    link = parse_chain(name)[0]
    member: type[Prompt] = catalogue.load("prompts", link.name)
    member.from_call(link)  # a wrong option is told
    card, options = member.card, options_of(member)
    if as_json:
        typer.echo(json.dumps({"name": link.name, "card": card.model_dump(), "options": options}, indent=2, default=str))
        return
    console.print(inspect.getdoc(sys.modules[member.__module__]) or "", markup=False, highlight=False)
    console.print(f"\n{'When':<12}{card.when}\n{'Paper':<12}{card.paper}", markup=False, highlight=False)
    show_options(console, options)
    console.print(f"\nYour rows in it, before any training: leantune prompts {link.name} FILE --model M", markup=False, highlight=False)


def _preview(name: str, file: str, rows: int, **given: Any) -> Preview:
    """The view of a study that leaves nothing behind."""
    import tempfile
    from pathlib import Path

    from leantune.app.options import Options
    from leantune.app.preview import preview_of
    from leantune.app.study import Sources, open_study

    options = Options.of(**given)
    with tempfile.TemporaryDirectory(prefix="leantune-prompts-") as folder:
        return preview_of(open_study(Sources(file), Path(folder), options), name, rows=rows)
