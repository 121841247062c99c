"""`leantune merge DIR DIR ...`: artifacts that were tuned from the same base become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    artifacts: Annotated[
        list[Path],
        typer.Argument(metavar="DIR DIR...", help="Artifacts of one task on one base: adapters, whole models or both.", show_default=False),
    ],
    how: Annotated[str, typer.Option(help="soup, greedy (needs --dev), arithmetic, ties or dare.")] = "soup",
    dev: Annotated[
        str | None, typer.Option(metavar="FILE", help="Labelled rows; a merge that is clearly worse on them is not written.")
    ] = None,
    weights: Annotated[str | None, typer.Option(metavar="A,B,...", help="Weight of each artifact.", show_default="equal")] = None,
    density: Annotated[float, typer.Option(help="Share of the differences that ties and dare keep.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Of what dare drops.")] = 0,
    margin: Annotated[float, typer.Option(help="Points that the merge may lose against its best ingredient.")] = 1.0,
    out: Annotated[Path, typer.Option(help="The new folder.")] = Path("merged"),
) -> None:
    """Merge several artifacts into one that costs no more to run than each of them."""
    from leantune.artifact.manifest import read_manifest
    from leantune.artifact.merging import Mix, merge
    from leantune.core.errors import SpecError
    from leantune.core.human import percent, points

    try:
        numbers = None if weights is None else [float(part) for part in weights.split(",")]
    except ValueError as error:
        raise SpecError(f'--weights "{weights}" is no list of numbers such as 1,0.5.', "E-OPTION") from error
    found = merge(artifacts, out, Mix(how, numbers, density, seed, margin), dev)
    for name, score in found.scores.items():
        left_out = "" if name in (*found.members, "merged") else "  (not in the soup)"
        typer.echo(f"{percent(score):>7}  {name}{left_out}")
    if found.gap is not None:
        gap = f"{points(found.gap.mean)} points, 90 % interval {points(found.gap.low)} to {points(found.gap.high)}"
        typer.echo(f"against the best of them: {gap}")
    typer.echo(str(found.folder))
    typer.echo(read_manifest(found.folder).proof or "", err=True)
