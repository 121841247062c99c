"""`leantune export DIR`: an artifact in another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leantune.cli import _options as option


def command(
    artifact: option.Artifact,
    format: Annotated[str, typer.Option(help="merged: a plain model folder; peft: the adapter.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The new folder.", show_default="DIR-FORMAT")] = None,
) -> None:
    """Write an artifact in another form and prove that it predicts the same."""
    from leantune.artifact.export import export
    from leantune.artifact.manifest import read_manifest

    here = Path(artifact)
    written = export(here, format, out or here.with_name(f"{here.resolve().name}-{format}"))
    typer.echo(str(written))
    typer.echo(read_manifest(written).proof or "", err=True)
