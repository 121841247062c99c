"""Likeness: whether another form of an artifact says what the artifact says: the very same, or, in fewer bits, the same well enough.

    Measure(predictor, golden, labelled).of(network)                    Found(good, "24 of 24 made-up rows answered alike, ...")
    Measure(predictor, golden, labelled).beside(network, "model.pte")   a sentence, or an error where it says something else

With labelled rows their score decides about fewer bits; without, the answers to made-up rows and the error of their logits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from leantune.artifact.files import evaluate_file
from leantune.artifact.parity import Golden, allowed, as_row, difference
from leantune.artifact.predictor import Predictor
from leantune.artifact.reader import Reader
from leantune.core.errors import ArtifactError
from leantune.core.human import percent, plural, points, score
from leantune.models.likeness import relative_error
from leantune.models.network import Network

ERROR = 0.25
"""Of the spread of the logits at most."""
ALIKE = 0.9
"""Share of the made-up rows that must be answered alike."""
SAME = 0.001
"""Largest difference of the scores of two forms that say the very same; room for ties that rounding decides."""


@dataclass(frozen=True)
class Found:
    """What a comparison showed."""

    good: bool
    sentence: str


@dataclass(frozen=True)
class Labelled:
    """A labelled file, and how the artifact itself scores on it."""

    file: str
    metric: str
    rows: int
    score: float
    """A fraction, or what the metric is in."""

    @classmethod
    def scored(cls, predictor: Reader, file: str) -> Labelled:
        """Score the artifact on the file.

        Raises:
            DataError: as `evaluate_file`.
        """
        found, metric = evaluate_file(predictor, file), predictor.manifest.facts.metric
        return cls(file, metric, found.rows, found.metrics[metric])

    def of(self, other: Reader) -> tuple[float, str]:
        """What another form gains (negative: loses), as a fraction, and a sentence about both."""
        found = evaluate_file(other, self.file).metrics[self.metric]
        gained = found - self.score
        on = f"on {plural(self.rows, 'labelled row')}"
        return gained, f"{self.metric} {score(self.metric, found)} {on}, {score(self.metric, self.score)} before, {points(gained)} points"


@dataclass(frozen=True)
class Measure:
    """An artifact as the measure of its other forms."""

    predictor: Predictor
    golden: Golden
    """Made-up rows and what it says of them."""
    labelled: Labelled | None = None
    margin: float = 1.0
    """Points of the score on the labelled rows that a form in fewer bits may lose."""

    def of(self, network: Network) -> Found:
        """How like a network is that need not say the very same."""
        other, rows = replace(self.predictor, network=network), self.golden.rows
        inputs = [as_row(row, self.predictor.manifest.facts) for row in rows]
        error = relative_error(other.logits(inputs), self.golden.logits)
        found = [answer.label for answer in other.predict(inputs)]
        task = self.predictor.task
        alike = sum(task.alike(str(one), str(expected)) for one, (expected, _) in zip(found, self.golden.answers, strict=True))
        said = (
            f"{alike} of {len(rows)} made-up rows answered as by the model it was made of, logits off by {percent(error)} of their spread"
        )
        if self.labelled is None:
            return Found(error <= ERROR and alike >= ALIKE * len(rows), said)
        gained, sentence = self.labelled.of(other)
        return Found(-gained <= self.margin / 100, f"{said}; {sentence}")

    def beside(self, network: Network, file: str) -> str:
        """A sentence about a further program of the folder, run on the made-up rows, padded to one length, and on the labelled ones.

        Raises:
            ArtifactError: E-ARTIFACT where it does not say the very same.
        """
        other = replace(self.predictor, network=network)
        off = difference(other.logits([as_row(row, self.predictor.manifest.facts) for row in self.golden.rows]), self.golden)
        if off > allowed(self.golden):
            raise ArtifactError(
                f"{file} predicts otherwise than the model it was made of (difference {off:.2g}). "
                "Please report this with the method and the base model.",
                "E-ARTIFACT",
            )
        return f"{file}: same predictions on {len(self.golden.rows)} rows, largest difference {off:.0e}{self._scored(other, file, ', ')}"

    def scored(self, other: Reader, form: str) -> str | None:
        """A sentence about the score of a form that says the very same; None without labelled rows.

        Raises:
            ArtifactError: E-ARTIFACT where the score is another one.
        """
        return self._scored(other, form, "") or None

    def _scored(self, other: Reader, form: str, before: str) -> str:
        if self.labelled is None:
            return ""
        gained, sentence = self.labelled.of(other)
        if abs(gained) > SAME:
            raise ArtifactError(f"{form} scores otherwise than the model it was made of: {sentence}. Use another --format.", "E-ARTIFACT")
        return f"{before}{sentence}"
