"""`leantune evaluate DIR FILE ...`: score a model on labelled files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from leantune.cli import _options as option

if TYPE_CHECKING:
    from leantune.artifact.files import Scored


def command(
    artifact: option.Artifact,
    files: Annotated[
        list[str],
        typer.Argument(metavar="[NAME=]FILE...", help="Labelled files: CSV, TSV, JSON, JSONL, Parquet, a saved folder or a hub name."),
    ],
    label: Annotated[str | None, typer.Option(help="Label column.", show_default="its name in training")] = None,
    text: Annotated[str | None, typer.Option(help="Text column.", show_default="its name in training")] = None,
    text_pair: Annotated[str | None, typer.Option(help="Column of the second text.", show_default="its name in training")] = None,
    device: option.Device = "auto",
    json: option.Json = False,
) -> None:
    """Score an artifact on a labelled file: every metric, and a line for each label; of several files a line for each."""
    from leantune.artifact.ensemble import opened
    from leantune.artifact.files import evaluate_file
    from leantune.data.test_sets import named_files

    named = named_files(files)
    predictor = opened(artifact, device=device)
    scores = ((name, evaluate_file(predictor, file, label=label, text=text, text_pair=text_pair)) for name, file in named.items())
    if len(named) == 1:
        scored = next(scores)[1]
        typer.echo(scored.model_dump_json(indent=1) if json else _text(scored))
    elif json:
        typer.echo(dumps({str(name): scored.model_dump() for name, scored in scores}, indent=1, ensure_ascii=False))
    else:
        for line in _lines([str(name) for name in named], scores):
            typer.echo(line)


def _lines(names: list[str], scores: Iterable[tuple[str | None, Scored]]) -> Iterator[str]:
    """A header and a line per file, each as soon as its file is scored."""
    from leantune.core.human import score

    width = max(len("file"), *map(len, names))
    for place, (name, scored) in enumerate(scores):
        if place == 0:
            yield f"{'file':{width}}  {'rows':>7}" + "".join(f"  {metric:>{_width(metric)}}" for metric in scored.metrics)
        yield f"{name:{width}}  {scored.rows:7,}" + "".join(
            f"  {score(metric, value):>{_width(metric)}}" for metric, value in scored.metrics.items()
        )


def _width(metric: str) -> int:
    return max(7, len(metric))


def _text(scored: Scored) -> str:
    from leantune.core.human import percent, score

    lines = [*map(str, scored.inferences), f"{scored.rows:,} rows"]
    lines += [f"{name:15} {score(name, value)}" for name, value in scored.metrics.items()]
    if not scored.per_label:
        return "\n".join(lines)
    width = max(5, *(len(str(row["label"])) for row in scored.per_label))
    lines += ["", f"{'label':{width}}  {'rows':>7}  precision  recall      f1"]
    lines += [
        f"{row['label']:{width}}  {row['rows']:7,}  {percent(row['precision']):>9}  {percent(row['recall']):>6}  {percent(row['f1']):>6}"
        for row in scored.per_label
    ]
    return "\n".join(lines)
