"""Recipe: one complete choice of what is trained and how, and what it is made of. Pure data."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from leantune.core.spec import Spec
from leantune.core.wording import Wording


class Decoding(Spec):
    """How a text is written."""

    beams: int = Field(default=1, ge=1)
    """Beginnings that are followed at the same time; 1 is greedy."""
    length_penalty: float = 1.0
    """Beams: over 1 favours longer texts, under 1 shorter ones."""
    no_repeat_ngram: int = Field(default=0, ge=0)
    """No run of so many tokens is written twice; 0 allows it."""


class Recipe(Spec):
    """One complete choice of what is trained and how. Pure data; its digest names the trial."""

    task: str
    method: str
    """Its expression without training options, for example `lora(rank=8)` or `cloze | lora(rank=8)`."""
    lr: float = Field(gt=0)
    head_lr: float | None = Field(default=None, gt=0)
    """Learning rate of the head; None: the same as `lr`."""
    soft_lr: float | None = Field(default=None, gt=0)
    """Learning rate of the soft tokens of a prompt; None: the same as `lr`."""
    optimizer: str = "adamw"
    schedule: str = "linear"
    warmup: float = Field(default=0.06, ge=0, lt=1)
    """Share of the steps over which the rate rises from 0."""
    weight_decay: float = Field(default=0.0, ge=0)
    steps: int = Field(gt=0)
    """Optimiser steps at most; early stopping may end sooner."""
    batch_rows: int = Field(default=32, gt=0)
    """Rows per optimiser step on average; batches of equal length hold more short rows and fewer long ones."""
    evaluations: int = Field(default=8, gt=0)
    """Looks at the dev set, evenly spaced; the best one is kept."""
    patience: int = Field(default=3, gt=0)
    """Training stops after so many looks without a better dev score."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout inside the base model while training."""
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient."""
    masking: Literal["dynamic", "static"] | None = None
    """Whether other tokens are hidden at each visit of a text; None where the task hides none."""
    decoding: Decoding | None = None
    """How texts are written; None where the task writes none."""
    wording: Wording | None = None
    """What a prompt says; None where the method has none."""
    generator: Generator | None = None
    """Who writes templates; None where none are written, or by the base itself."""
    teaching: Teaching | None = None
    """What a teacher teaches with; None where the method has none."""
    distilling: Distilling | None = None
    """Whom the method imitates; None where it does not."""
    vectors: str | None = None
    """Digest of the file of word vectors that a student starts from; left out where there is none."""

    @model_serializer(mode="wrap")
    def _lean(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not there: a trial without vectors keeps the name that it had before there were any."""
        found: dict[str, Any] = handler(self)
        return {name: value for name, value in found.items() if name != "vectors" or value is not None}


class Generator(Spec):
    """An encoder-decoder that fills gaps in texts."""

    model: str
    """As the user named it."""
    weights: str | None
    """Hash of its weights; None on the hub."""
    revision: str | None = None
    """Commit on the hub; None for a folder."""


class Teaching(Spec):
    """What a teacher needs besides the study."""

    unlabelled: str
    """Digest of the rows that it judges."""
    rows: int
    """Their number."""
    views: tuple[Recipe, ...]
    """The models that it asks, each trained on the labelled rows."""
    later: tuple[Recipe, ...] = ()
    """Those of later generations, where they are others."""


class Expert(Spec):
    """A trained artifact that teaches."""

    folder: str
    digest: str
    """Of its files."""
    base: str
    """Folder or hub name of its base; its own folder where it is whole."""
    revision: str | None = None
    pooling: str
    max_length: int
    long: str
    recipe: Recipe | None = None
    """What it was trained by."""
    share: float = 1.0
    """Of what a teacher says; less than 1 for the members of an ensemble."""

    @property
    def name(self) -> str:
        """For people: the last part of its folder, of a member of an ensemble the last three."""
        parts = PurePath(self.folder).parts
        return "/".join(parts[-3:]) if self.share < 1 else parts[-1]


class Distilling(Spec):
    """The teachers of a student: models that the study trains, and artifacts."""

    teachers: tuple[Recipe, ...] = ()
    names: tuple[str, ...] = ()
    """Of these, as the table calls them."""
    experts: tuple[Expert, ...] = ()
    unlabelled: str | None = None
    """Digest of the rows without labels that they judge too."""


Recipe.model_rebuild()
