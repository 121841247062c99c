"""The options of a study as the command line and Python take them, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from leantune.app.prompt_file import read_prompt
from leantune.comparison.plan import FEW_SHOT_STEPS
from leantune.core.budget import DEFAULT
from leantune.core.errors import SpecError
from leantune.core.long import one_line, ways_by_field
from leantune.core.parallel import parse_parallel
from leantune.core.quantity import parse_pause
from leantune.core.records import Decoding
from leantune.core.spec import Spec
from leantune.core.study import Conduct, Limits, Preference
from leantune.core.wording import parse_words
from leantune.data.losses import MOST

FEW_SHOT_SEEDS = (13, 21, 42, 87, 100)
REFERENCE = "full"


class Options(Spec):
    """What a user may choose about a study; everything has a default."""

    model: str = "minilm"
    """Base model: a hub name, a folder or `minilm`."""
    text: str | None = None
    """Text column; inferred when not given, as are the next two."""
    text_pair: str | None = None
    label: str | None = None
    task: str | None = None
    metric: str | None = None
    """Score to compare by; the task's own when not given."""
    pooling: str = "auto"
    max_length: int | None = None
    """Tokens per row at most."""
    long: str = "head"
    """How texts are read that have more: head, tail, both, windows, select, compress, or "text=tail, text_pair=head"."""
    seeds: int | None = Field(default=None, ge=1, le=20)
    """Full-length trials per method; 3 when not given, 5 with `few_shot`."""
    few_shot: int | None = Field(default=None, ge=0)
    """Train on so many rows of each label, others for each seed; 0 is zero-shot: the labels have names and no rows."""
    margin: float = Field(default=1.0, gt=0, lt=100)
    """Largest loss that is still as good, in points (hundredths of the score)."""
    budget: str | None = None
    """30min or 300steps."""
    limits: Limits = Limits()
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the products in a training step; `auto` is bf16 where the processor has it."""
    group_by_length: bool = True
    """Make batches of rows of like length while training; otherwise of rows as they come."""
    in_parts: bool = True
    """On a CPU, hold 2,048 tokens of a training step in memory at a time and sum the gradients; otherwise all rows of the step."""
    seen_embeddings: bool = True
    """Give the optimiser those rows of the embeddings alone that the training rows reach."""
    unpad: bool | None = None
    """Leave out the padding of a batch inside of the layers of the base while training; None: on a GPU with products in bfloat16."""
    recall: bool = True
    """Compute the layers below the trained ones once and read their states back, where a training passes over its rows again; below
    `head`, the whole body."""
    narrow: bool = True
    """Let the last layer work on the tokens alone that are read, where a head reads few, while training."""
    batch: int = Field(default=32, ge=1)
    """Rows per optimiser step on average."""
    micro_batch: int | None = Field(default=None, ge=1)
    """Rows of a step that are in memory at a time, which changes its memory and not what it learns; halved by itself where it must be."""
    parallel: str | None = None
    """Processes that train one model together, each on a device of its own: ddp:2, or fsdp:2 where its weights are divided among them."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout inside the base model; 0 is a third faster on a CPU and no worse in short runs."""
    optimizer: str = "adamw"
    schedule: str = "linear"
    max_target_length: int | None = Field(default=None, ge=2)
    """Tokens that are written for a row at most; found from the targets when not given."""
    decoding: Decoding = Decoding()
    """How texts are written, where the task writes any."""
    prompt: tuple[str, ...] = ()
    """Templates such as "{text} It was {mask}." for methods behind a prompt, or a YAML file with `prompt:` and `labels:`."""
    generator: str | None = None
    """Who writes templates for `cloze(template=generated)`: an encoder-decoder that fills gaps (T5), a hub name or a folder."""
    structure: str | None = None
    """Other layers for every method, as links: "drop(6,7) reinit(last=2)"."""
    labels: dict[str, tuple[str, ...]] = {}
    """Words of the labels; the names of the labels themselves when not given."""
    masking: Literal["dynamic", "static"] = "dynamic"
    """Masked language modelling: whether other tokens are hidden at each visit of a text."""
    split_seed: int = 0
    """Of the split where one file is given."""
    most_lost: float = Field(default=MOST, ge=0, le=1)
    """Share of a file's rows that may lose something on their way in."""
    prefer: Preference = "storage"
    """Cost that decides among methods that are as good: storage (the task's own files), speed (one row), size (the whole model)."""
    checkpoint: str = "1min"
    """Time of training between two checkpoints, from which an interrupted training goes on; "off" for none."""
    deterministic: bool = False
    """Refuse operations that may give other bits each time; a CPU has none in training."""
    keep_all: bool = False
    """Run every seed of every method, also of those that cannot win any more."""

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """1, 2, 3 ...; with `few_shot` those that the field draws with (Gao et al. 2021, arXiv:2012.15723), then 1, 2, 3 ..."""
        numbers = (*FEW_SHOT_SEEDS, *range(1, 16)) if self.few_shot is not None else tuple(range(1, 21))
        return numbers[: self.seeds or (len(FEW_SHOT_SEEDS) if self.few_shot is not None else 3)]

    @property
    def conduct(self) -> Conduct:
        """How trials are carried out."""
        pause = parse_pause(self.checkpoint, "--checkpoint")
        together = parse_parallel(self.parallel)
        return Conduct(checkpoint=pause, micro_batch=self.micro_batch, deterministic=self.deterministic, parallel=together)

    @property
    def budget_text(self) -> str:
        """As given, or the default; few rows get steps enough, because a short time would judge what learns slowly half-way."""
        return self.budget or (DEFAULT if self.few_shot is None else f"{FEW_SHOT_STEPS}steps")

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Build from keyword arguments, faults told in our own voice; one template, one word and words in one line may be plain texts."""
        found = cls.build("study", {name: value for name, value in values.items() if name not in _SAID} | _said(values))
        _ = found.conduct  # a faulty time or number of processes is told before anything is read
        return found


_SAID = ("prompt", "labels", "long")


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Prompt, label words and the way to read long texts in the form that is kept."""
    prompt, labels, long = values.get("prompt"), values.get("labels"), values.get("long")
    found: dict[str, Any] = {}
    if long is not None:
        found["long"] = one_line(long)
        ways_by_field(found["long"])  # a typo is told before anything is read
    if prompt not in (None, ()):  # nothing, as it was asked or as it is kept
        found["prompt"] = _texts(prompt, "prompt", 'a template such as "{text} It was {mask}.", or several')
        if file := read_prompt(found["prompt"], labels=bool(labels)):
            found |= {"prompt": file.prompt} | ({"labels": file.labels} if file.labels else {})
    if isinstance(labels, str):
        found["labels"] = parse_words(labels)
    elif isinstance(labels, Mapping):
        found["labels"] = {str(label): _texts(words, f'labels["{label}"]', "a word, or several") for label, words in labels.items()}
    elif labels is not None:
        raise SpecError(
            f'labels: {labels!r} is not the words of each label. Give {{"negative": ["terrible"], "positive": ["great"]}}.', "E-OPTION"
        )
    return found


def _texts(value: Any, place: str, wanted: str) -> tuple[str, ...]:
    """One text or several.

    Raises:
        SpecError: E-OPTION for anything else, and for an empty one.
    """
    found = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Sequence) else (value,)
    if not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise SpecError(f"{place}: {value!r} is not {wanted}.", "E-OPTION")
    return found
