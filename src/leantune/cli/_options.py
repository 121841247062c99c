"""Options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

File = Annotated[
    str,
    typer.Argument(
        help="Labelled file: CSV, TSV, JSON, JSONL, Parquet, text, parallel files as 'train.{en,de}', a saved folder or a hub name.",
        show_default=False,
    ),
]
Artifact = Annotated[Path, typer.Argument(metavar="DIR", help="Artifact: the folder best/ of a run.", show_default=False)]
DEFAULT_MODEL = "minilm"
Model = Annotated[str, typer.Option(help='Base model: a hub name, a folder or "minilm", the embedded default.')]
Dev = Annotated[str | None, typer.Option(help="Rows to choose on; cut from FILE when not given.")]
Test = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]FILE",
        help="Rows to report on; cut from FILE when not given. Give it again for further test sets (languages): the first is the main one.",
    ),
]
Unlabelled = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Rows without labels, which a teacher judges and a student learns from: consensus | lora, distill | full."
    ),
]
Text = Annotated[str | None, typer.Option(help="Text column; inferred when not given.")]
TextPair = Annotated[str | None, typer.Option(help="Column of the second text, for pairs.")]
Label = Annotated[str | None, typer.Option(help="Label column; inferred when not given.")]
Task = Annotated[str | None, typer.Option(help="Task; inferred when not given (see: leantune tasks).")]
Metric = Annotated[
    str | None, typer.Option(help="What counts; the first of the task's own list when not given (see: leantune tasks NAME).")
]
Pooling = Annotated[str, typer.Option(help="auto, stock, mean, cls or last: how token states become one vector for the head.")]
MaxLength = Annotated[int | None, typer.Option(help="Tokens per row at most.", show_default="what the base was made for, 256 at most")]
Long = Annotated[
    str,
    typer.Option(
        help="What is read of texts that have more: head, tail, both(first=0.25), windows(stride=192, most=4, pool=mean), "
        "select(by=auto), compress (decoders); of pairs also text=tail,text_pair=head."
    ),
]
MaxTargetLength = Annotated[
    int | None, typer.Option(help="Tokens that are written for a row at most.", show_default="as 99 % of the targets need")
]
Beams = Annotated[int, typer.Option(help="Where texts are written: beginnings followed at the same time; 1 is greedy.")]
LengthPenalty = Annotated[float, typer.Option(help="With beams: over 1 for longer texts, under 1 for shorter ones.")]
NoRepeat = Annotated[int, typer.Option(help="Where texts are written: no run of so many tokens twice; 0 allows it.")]
Structure = Annotated[
    str | None,
    typer.Option(metavar="LINKS", help='Other layers for every method: "drop(6,7) reinit(last=2)", "layers(3)" (see docs/compression.md).'),
]
Prompt = Annotated[
    list[str] | None,
    typer.Option(
        help='Template for methods behind a prompt (cloze | lora): "{text} It was {mask}."; may be given several times. Or FILE.yaml.'
    ),
]
Generator = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="Encoder-decoder that writes templates for cloze(template=generated): a T5, hub name or folder."),
]
Labels = Annotated[
    str | None,
    typer.Option(help='Words of the labels: "negative=terrible|bad, positive=great".', show_default="the names of the labels"),
]
Masking = Annotated[str, typer.Option(help="Masked language modelling: dynamic (other tokens at each visit of a text) or static.")]
Batch = Annotated[int, typer.Option(help="Rows per optimiser step on average.")]
Dropout = Annotated[float, typer.Option(help="Dropout inside the base model while training.")]
Optimizer = Annotated[str, typer.Option(help="adamw, adam, sgd, rmsprop, adafactor ...")]
Schedule = Annotated[str, typer.Option(help="linear, cosine, constant, polynomial or inverse_sqrt; all with warm-up.")]
Precision = Annotated[str, typer.Option(help="Of the products in a training step: fp32, bf16, or auto (bf16 where the processor has it).")]
Checkpoint = Annotated[str, typer.Option(help="Training time between two checkpoints: 30s, 1min; off for none.")]
MicroBatch = Annotated[int | None, typer.Option(help="Rows of a step in memory at a time; halved by itself where it must be.")]
Parallel = Annotated[
    str | None,
    typer.Option(metavar="WAY:N", help="N processes train a model together: ddp:N, or fsdp:N to divide its weights.", show_default="one"),
]
Deterministic = Annotated[bool, typer.Option("--deterministic", help="Refuse what may give other bits each time (on a GPU).")]


def _speed_up(name: str, what: str, *, default: bool | str = True) -> Any:
    return typer.Option(f"--{name}/--no-{name}", help=what, show_default=default, rich_help_panel="Speed-ups in training")


GroupByLength = Annotated[bool, _speed_up("group-by-length", "Make batches of rows of like length.")]
InParts = Annotated[bool, _speed_up("in-parts", "On a CPU hold 2,048 tokens of a step in memory at a time.")]
SeenEmbeddings = Annotated[bool, _speed_up("seen-embeddings", "Update those embeddings alone that the training rows reach.")]
Unpad = Annotated[bool | None, _speed_up("unpad", "Leave out padding inside of the layers.", default="on a GPU")]
Recall = Annotated[bool, _speed_up("recall", "Compute what lies below the trained layers once and read it back.")]
Narrow = Annotated[bool, _speed_up("narrow", "Let the last layer work on the tokens alone that are read.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
MostLost = Annotated[float, typer.Option(help="Share of a file's rows that may lose something (see E-LOST in docs/errors.md).")]
SplitSeed = Annotated[int, typer.Option(help="Seed of the split where FILE is split.")]
Out = Annotated[str | None, typer.Option(help="Run folder.", show_default="runs/FILE-MODEL")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors and the result.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
