"""`leantune export DIR`: an artifact in another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leantune.cli import _options as option


def command(
    artifact: option.Artifact,
    format: Annotated[str, typer.Option(help="merged, peft, onnx, onnx-int8, transformers-js, openvino, executorch.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The new folder.", show_default="DIR-FORMAT")] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Labelled rows on which the export must score as the artifact does.", show_default=False),
    ] = None,
    margin: Annotated[float, typer.Option(help="Points of that score that 8 bits may lose.")] = 1.0,
) -> None:
    """Write an artifact in another form and prove that it predicts the same."""
    from leantune.artifact.export import export
    from leantune.artifact.manifest import read_manifest

    here = Path(artifact)
    written = export(here, format, out or here.with_name(f"{here.resolve().name}-{format}"), data=data, margin=margin)
    typer.echo(str(written))
    typer.echo(read_manifest(written).proof or "", err=True)
