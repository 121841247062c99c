"""`leantune prompts`: every prompt in a table; `leantune prompts cloze`: the page of one; with a FILE how its rows look in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leantune.cli import _options as option
from leantune.cli._pages import cards_of, show_cards, show_link

if TYPE_CHECKING:
    from rich.console import Console

    from leantune.app.preview import Preview

_YOURS = "Your rows in it, before any training: leantune prompts {name} FILE --model M"


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
        show_link(console(), "prompts", name, as_json=as_json, footer=_YOURS)
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
    if as_json:
        typer.echo(json.dumps({name: card.model_dump() for name, card in cards_of("prompts").items()}, indent=2))
        return
    show_cards(console, "prompts")
    for line in (
        "\nA prompt stands before a method: cloze | lora trains LoRA behind it, cloze | frozen nothing at all.",
        "The page of one with its options: leantune prompts cloze",
        'Your rows in it, before any training: leantune prompts cloze FILE --model M --prompt "{text} It was {mask}."',
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


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
