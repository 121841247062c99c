"""`leantune init FOLDER`: a new base from a random start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leantune.cli import _options as option


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the new base; --model takes it afterwards.", show_default=False)],
    data: Annotated[list[str], typer.Option(help="Texts for the tokenizer, as FILE of compare; may be given several times.")],
    kind: Annotated[str, typer.Option(help="encoder-decoder, decoder or masked.")],
    vocab: Annotated[int, typer.Option(help="Tokens of the vocabulary.")] = 8_000,
    layers: Annotated[int, typer.Option(help="Of the encoder and of the decoder, each.")] = 3,
    hidden: Annotated[int, typer.Option(help="Width of a state.")] = 256,
    heads: Annotated[int, typer.Option(help="Attention heads of a layer.")] = 4,
    max_length: Annotated[int, typer.Option(help="Tokens that the model can take.")] = 256,
    seed: Annotated[int, typer.Option(help="Of the weights.")] = 0,
    columns: Annotated[
        str | None, typer.Option(help="Columns with the texts: COL,COL.", show_default="those with texts of several words")
    ] = None,
    quiet: option.Quiet = False,
) -> None:
    """Make a small base model from a random start: a tokenizer learned from your texts, and weights that know nothing yet."""
    from leantune.app.new_base import make_base
    from leantune.core.expressions import split_list
    from leantune.models.new_base import Shape

    shape = Shape.build("init", {"kind": kind, "layers": layers, "hidden": hidden, "heads": heads, "max_length": max_length, "seed": seed})
    made = make_base(folder, data, shape, vocab=vocab, columns=split_list(columns) if columns else ())
    for line in () if quiet else made.inferences:
        typer.echo(f"· {line}", err=True)
    typer.echo(f"{made.folder}: {kind}, {made.parameters:,} parameters, {made.tokens:,} tokens")
