"""`leantune ensemble DIR DIR ...`: artifacts of one task, of whatever bases, are read as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    artifacts: Annotated[list[Path], typer.Argument(metavar="DIR DIR...", help="Artifacts of one task and labels.", show_default=False)],
    dev: Annotated[
        str | None, typer.Option(metavar="FILE", help="Labelled rows that the weights are found on.", show_default="equal")
    ] = None,
    out: Annotated[Path, typer.Option(help="The new folder, with copies of them.")] = Path("ensemble"),
) -> None:
    """Put several artifacts into one folder that predicts the mean of their probabilities; it costs what all of them cost."""
    from leantune.artifact.ensembling import TOGETHER, ensemble
    from leantune.artifact.manifest import read_manifest
    from leantune.core.human import percent, points, size

    found = ensemble(artifacts, out, dev)
    for name, weight in found.weights.items():
        score = f"{percent(found.scores[name]):>7}  " if found.scores else ""
        typer.echo(f"{score}weight {weight:.2f}  {name}" + ("" if weight else "  (not in it)"))
    if found.gap is not None:
        typer.echo(f"{percent(found.scores[TOGETHER]):>7}  together")
        gap = f"{points(found.gap.mean)} points, 90 % interval {points(found.gap.low)} to {points(found.gap.high)}"
        typer.echo(f"against the best of them: {gap} (on the rows that the weights were found on, so rather less elsewhere)")
    typer.echo(f"{size(found.saved_bytes)} in all")
    typer.echo(str(found.folder))
    typer.echo(read_manifest(found.folder).proof or "", err=True)
