"""Study: what every recipe of a comparison shares. Pure data, `study.json` in the run folder.

The trial's digest covers the part of it that a trial's result depends on; margin, limits, seeds and budget may change later
without losing a finished trial.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from leantune.core.digest import digest
from leantune.core.parallel import Parallel
from leantune.core.records import Phase, Recipe
from leantune.core.spec import Spec

Preference = Literal["storage", "speed", "size"]
"""Which cost decides among methods that are as good: bytes that are stored for the task, time for one row, or bytes of the whole model."""


class Limits(Spec):
    """What the user can afford; None is no limit, and a cost that was not measured breaks none."""

    max_trainable: int | None = Field(default=None, gt=0)
    """Trained parameters, head included."""
    max_memory: int | None = Field(default=None, gt=0)
    """Bytes of peak memory while training."""
    max_latency: float | None = Field(default=None, gt=0)
    """Milliseconds for one row."""
    max_size: int | None = Field(default=None, gt=0)
    """Stored bytes."""
    max_model: int | None = Field(default=None, gt=0)
    """Bytes of the weights of the whole model, the base's included."""


class Conditions(Spec):
    """What the result of a trial depends on besides recipe and seed."""

    data: str
    """Digest of rows, labels and splits."""
    model: str
    """As the user named it."""
    weights: str | None
    """Hash of the base's weights; None on the hub."""
    revision: str | None = None
    """Commit on the hub; None for a folder."""
    pooling: str
    max_length: int
    target_length: int = 0
    """Tokens that are written for a row at most; 0 where the task writes none."""
    long: str = "head"
    """How texts are read that are too long, as `core.long.Long` writes it."""
    task: str
    metric: str
    device: str
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of the products in a training step (`execution.precision`)."""
    group_by_length: bool = True
    """Whether rows of like length make a batch in training (`data.batches`)."""
    in_parts: bool = True
    """Whether a CPU holds 2,048 tokens of a training step in memory at a time, and sums the gradients."""
    seen_embeddings: bool = True
    """Whether those rows of the embeddings alone are trained that the training rows reach (`models.seen_rows`)."""
    recall: bool = True
    """Whether layers below the trained ones are computed once and read back (`execution.recall`); below `head`, the whole body."""
    unpad: bool = False
    """Whether the layers leave out the padding in a training step (`execution.unpadding`)."""
    narrow: bool = True
    """Whether the last layer works on the tokens alone that are read, in training steps and at looks (`execution.narrowing`)."""
    few_shot: int | None = None
    """Training rows of each label, drawn by the seed of the trial; None: all rows."""


class Part(Spec):
    """One task of a mixture."""

    name: str
    conditions: Conditions


class Blend(Spec):
    """What the result of a trial on several tasks at once depends on besides recipe and seed."""

    parts: tuple[Part, ...] = Field(min_length=1)
    temperature: float = Field(ge=0, le=1)
    """A task gets steps in proportion to rows ** temperature: 0 is the same for all, 1 is by size."""


class StudySpec(Spec):
    """The shared part of a comparison."""

    name: str
    conditions: Conditions
    margin: float = Field(gt=0, lt=1)
    """Largest loss of score that still counts as good, as a fraction."""
    seeds: tuple[int, ...] = Field(min_length=1)
    budget: str
    """As the user gave it: 30min, 300steps; or the default."""
    limits: Limits = Limits()
    prefer: Preference = "storage"
    keep_all: bool = False
    """Never drop a method before its last seed."""


PAUSE = 60.0
"""Seconds of training between two checkpoints, as a rule."""


class Conduct(Spec):
    """How a trial is carried out, whatever it is."""

    checkpoint: float | None = PAUSE
    """Seconds of training between two checkpoints (`execution.checkpoint`); None for none."""
    micro_batch: int | None = Field(default=None, ge=1)
    """Rows of a step that are in memory at a time at most; None for no limit of rows; fewer when the memory does not suffice."""
    parallel: Parallel | None = None
    """Processes that train it together; None for one."""
    deterministic: bool = False
    """Whether operations are refused that may give other bits each time (`execution.device`)."""


class Job(Spec):
    """One trial to run, addressed by its digest."""

    name: str
    """The method as the user wrote it."""
    expression: str
    """The method without training options; the key of a baseline."""
    phase: Phase
    recipe: Recipe | None
    seed: int
    measure: bool = True
    """Whether latency and floating-point operations are measured; they do not depend on the seed, so one trial of a method is enough."""
    conduct: Conduct = Conduct()
    """Left out of the digest: it changes no result, but for the rounding of sums in parts and what dropout draws in several processes."""

    def digest(self, conditions: Conditions | Blend) -> str:
        """Cache and resume key; the name is left out, so that two spellings share a trial."""
        return digest(conditions, self.expression, self.phase, self.recipe, self.seed)
