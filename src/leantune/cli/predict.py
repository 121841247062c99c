"""`leantune predict DIR FILE`: label every row of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leantune.cli import _options as option


def command(
    artifact: option.Artifact,
    file: Annotated[str, typer.Argument(help="Rows to label: CSV, TSV, JSON, JSONL, Parquet, a saved folder or a hub name.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="CSV, TSV, JSON or JSONL by its ending.", show_default="CSV to the screen")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Text column.", show_default="its name in training")] = None,
    text_pair: Annotated[str | None, typer.Option(help="Column of the second text.", show_default="its name in training")] = None,
    device: option.Device = "auto",
) -> None:
    """Append the columns label and score to the rows of a file; all other columns and the order stay."""
    from leantune.artifact.ensemble import opened
    from leantune.artifact.files import predict_file

    written = predict_file(opened(artifact, device=device), file, out, text=text, text_pair=text_pair)
    for inference in written.inferences:
        typer.echo(inference, err=True)
    if out is not None:
        typer.echo(f"{written.rows:,} rows with {' and '.join(written.names)}: {out}", err=True)
