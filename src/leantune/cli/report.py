"""`leantune report RUN`: make the report of a finished comparison again, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `leantune compare` wrote.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write there instead of into the run folder.")] = None,
) -> None:
    """Write report.html, report.md and chart.png of a comparison again."""
    from leantune.report.write import write_report

    for path in write_report(run, out, note=lambda line: typer.echo(line, err=True)).values():
        typer.echo(str(path))
