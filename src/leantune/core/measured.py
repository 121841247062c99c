"""What is measured on a trial: scores, costs, curves, and the stages of a chain of compressors.

Scores are fractions (0..1), sizes are bytes, times are seconds unless the name says milliseconds (`_ms`).
"""

from __future__ import annotations

from collections.abc import Mapping

from leantune.core.spec import Spec

RESTLESS = 1.5
"""Times as long in the slowest part of a measurement of time as in the quickest."""


class Latency(Spec):
    """Median wall time of one prediction call, in milliseconds, on the model as it is delivered."""

    batch_1: float
    batch_32: float
    slowest_1: float | None = None
    """The same in the slowest part of the measurement, which tells how busy the machine was with other things."""
    slowest_32: float | None = None

    @property
    def restless(self) -> bool:
        """Whether other work disturbed the clock."""
        return (self.slowest_1 or 0.0) > RESTLESS * self.batch_1 or (self.slowest_32 or 0.0) > RESTLESS * self.batch_32


class Flops(Spec):
    """Floating-point operations for one row of median length."""

    train: float
    predict: float


class Cost(Spec):
    """What one trial cost; measured, never inferred. None where it does not apply (a baseline has no peak memory of its own)."""

    trainable_params: int | None = None
    trainable_params_without_head: int | None = None
    saved_bytes: int | None = None
    """Bytes of the files that must be stored for this task (the base model is not counted where it is only referred to)."""
    train_seconds: float | None = None
    peak_memory_bytes: int | None = None
    """Largest resident set of the trial's own process (CPU) or allocated memory (GPU)."""
    latency_ms: Latency | None = None
    flops_per_row: Flops | None = None
    model_params: int | None = None
    """Parameters of the whole model as it is delivered, the base's included."""
    model_bytes: int | None = None
    """Bytes of its weights: what has to be loaded to predict."""


class Reloaded(Spec):
    """What a saved model is, read back from its files as it is delivered."""

    problem: str | None = None
    """Why it is not what was trained; the rest then says nothing."""
    difference: float = 0.0
    """Largest, of a logit, from what the trained network said."""
    rows: int = 0
    """Compared."""
    packed: bool = False
    """Whether its weights stand in fewer than 8 bits."""
    model_params: int = 0
    model_bytes: int = 0
    latency_ms: Latency | None = None


class FurtherScore(Spec):
    """The study's metric on a further test set."""

    data: str
    """Digest of its rows: another file under the same name is another test set."""
    score: float


class Scores(Spec):
    """The study's metric; `test` is None in races, which never see a test set."""

    dev: float | None = None
    test: float | None = None
    """On the main test set."""
    further: dict[str, FurtherScore] = {}
    """On the further test sets, by name."""

    def on(self, further: str | None) -> float | None:
        """On the further test set of this name, on the main one for None; None where there is no score."""
        if further is None:
            return self.test
        return self.further[further].score if further in self.further else None

    def lacks(self, further: Mapping[str, str]) -> list[str]:
        """Those of some test sets (digests by name) that have no score here."""
        return [name for name, data in further.items() if name not in self.further or self.further[name].data != data]


class CurvePoint(Spec):
    """One look at the dev set while training."""

    step: int
    seconds: float
    train_loss: float
    """Mean loss of the batches since the last point."""
    dev_score: float


class Point(Spec):
    """A model on the way from the trained one to a smaller one."""

    step: str
    """What was done last, for people: "layer 4 removed"."""
    dev: float
    model_params: int
    latency_ms: Latency
    kept: bool = True
    """False: one step too far, or a size that is not good enough."""


class Importance(Spec):
    """How much the loss would change without each part, to first order; shares of the largest one of its kind."""

    layers: list[float] = []
    """(layers,)."""
    heads: list[list[float]] = []
    """(layers, heads)."""
    neurons: list[list[float]] = []
    """(layers, groups): means of evenly cut groups of each feed-forward block, its neurons in falling order."""


class Stage(Spec):
    """What one link of a chain made of the model, measured as a model of its own."""

    link: str
    """Of the expression: `lora`, `shrink(layers=4)`."""
    scores: Scores = Scores()
    model_params: int | None = None
    zeros: int = 0
    """Those of them that are zero."""
    model_bytes: int | None = None
    latency_ms: Latency | None = None
    seconds: float = 0.0
    """That the link took."""
    notes: list[str] = []
    curve: list[Point] = []
    importance: Importance | None = None
