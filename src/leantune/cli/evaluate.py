"""`leantune evaluate DIR FILE`: score a model on a labelled file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

PLAIN = ("mcc", "qwk", "spearman", "pearson", "r2", "mae", "rmse")
"""Scores that are no shares."""

if TYPE_CHECKING:
    from leantune.artifact.files import Scored


def command(
    artifact: Annotated[Path, typer.Argument(metavar="DIR", help="Artifact: the folder best/ of a run.", show_default=False)],
    file: Annotated[str, typer.Argument(help="Labelled file: CSV, TSV, JSON, JSONL, Parquet, a saved folder or a hub name.")],
    label: Annotated[str | None, typer.Option(help="Label column.", show_default="its name in training")] = None,
    text: Annotated[str | None, typer.Option(help="Text column.", show_default="its name in training")] = None,
    text_pair: Annotated[str | None, typer.Option(help="Column of the second text.", show_default="its name in training")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Score an artifact on a labelled file: every metric, and a line for each label."""
    from leantune.artifact.files import evaluate_file
    from leantune.artifact.predictor import load

    scored = evaluate_file(load(artifact, device=device), file, label=label, text=text, text_pair=text_pair)
    typer.echo(scored.model_dump_json(indent=1) if json else _text(scored))


def _text(scored: Scored) -> str:
    from leantune.core.human import percent

    lines = [*map(str, scored.inferences), f"{scored.rows:,} rows"]
    lines += [f"{name:15} {_number(name, value)}" for name, value in scored.metrics.items()]
    if not scored.per_label:
        return "\n".join(lines)
    width = max(5, *(len(str(row["label"])) for row in scored.per_label))
    lines += ["", f"{'label':{width}}  {'rows':>7}  precision  recall      f1"]
    lines += [
        f"{row['label']:{width}}  {row['rows']:7,}  {percent(row['precision']):>9}  {percent(row['recall']):>6}  {percent(row['f1']):>6}"
        for row in scored.per_label
    ]
    return "\n".join(lines)


def _number(name: str, value: float) -> str:
    """Shares in percent; correlations and mean errors as they are."""
    from leantune.core.human import percent

    return f"{value:.3f}" if name in PLAIN else percent(value)
