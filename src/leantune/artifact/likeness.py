"""Likeness: whether another form of an artifact, which need not say exactly the same, says the same well enough.

    Measure(predictor, golden, data=None).of(network)  ->  Found(good, "24 of 24 made-up rows answered alike, logits off by 2 % ...")

With labelled rows their score decides; without, the answers to made-up rows and the error of their logits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from leantune.artifact.files import evaluate_file
from leantune.artifact.parity import Golden, as_row
from leantune.artifact.predictor import Predictor
from leantune.core.human import percent, points
from leantune.models.likeness import relative_error
from leantune.models.network import Network

ERROR = 0.25
"""Of the spread of the logits at most."""
ALIKE = 0.9
"""Share of the made-up rows that must be answered alike."""


@dataclass(frozen=True)
class Found:
    """What a comparison showed."""

    good: bool
    sentence: str


@dataclass(frozen=True)
class Measure:
    """An artifact as the measure of its other forms."""

    predictor: Predictor
    golden: Golden
    """Made-up rows and what it says of them."""
    data: str | None = None
    """A labelled file."""
    margin: float = 1.0
    """Points of its score that may be lost."""

    def of(self, network: Network) -> Found:
        """How like another network is."""
        other, rows = replace(self.predictor, network=network), self.golden.rows
        inputs = [as_row(row, self.predictor.manifest.facts) for row in rows]
        error = relative_error(other.logits(inputs), self.golden.logits)
        found = [answer.label for answer in other.predict(inputs)]
        task = self.predictor.task
        alike = sum(task.alike(str(one), str(expected)) for one, (expected, _) in zip(found, self.golden.answers, strict=True))
        said = (
            f"{alike} of {len(rows)} made-up rows answered as by the model it was made of, logits off by {percent(error)} of their spread"
        )
        if self.data is None:
            return Found(error <= ERROR and alike >= ALIKE * len(rows), said)
        metric = self.predictor.manifest.facts.metric
        before, after = (evaluate_file(one, self.data).metrics[metric] for one in (self.predictor, other))
        lost = f"{metric} {percent(after)} on the labelled rows given, {points(after - before)} points"
        return Found(before - after <= self.margin / 100, f"{said}; {lost}")
