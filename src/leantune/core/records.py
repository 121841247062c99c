"""What lies on disk after a run: records of trials and the comparison made of them. Public and versioned.

    trials/<digest>/record.json   one `TrialRecord`
    comparison.json               one `Comparison`, all that a report needs

Scores are fractions (0..1), sizes are bytes, times are seconds unless the name says milliseconds (`_ms`).
"""

from __future__ import annotations

from typing import Any, Literal

from leantune.core.measured import Cost as Cost
from leantune.core.measured import CurvePoint as CurvePoint
from leantune.core.measured import Flops as Flops
from leantune.core.measured import FurtherScore as FurtherScore
from leantune.core.measured import Latency as Latency
from leantune.core.measured import Point as Point
from leantune.core.measured import Scores as Scores
from leantune.core.measured import Stage as Stage
from leantune.core.recipe import Decoding as Decoding
from leantune.core.recipe import Recipe as Recipe
from leantune.core.shown import Piece, Sample, Writing
from leantune.core.spec import Spec

VERSION = 1

Phase = Literal["baseline", "race", "final", "train"]
Status = Literal["ok", "failed", "diverged", "one_class"]
"""`one_class`: the model predicts a single label; `diverged`: the loss stopped being a finite number."""


class TrialRecord(Spec):
    """The measured facts of one recipe run with one seed inside one study."""

    version: int = VERSION
    digest: str
    """Names the trial's folder; of (study, recipe, seed, phase)."""
    name: str
    """The method as the user wrote it, for example `lora(rank=8)`; groups trials in the table."""
    method: str
    """Its expression without training options; the key of a baseline."""
    phase: Phase
    recipe: Recipe | None
    """None for baselines, which have no learning rate."""
    seed: int
    status: Status
    reason: str | None = None
    """Why the status is not ok, in one sentence."""
    scores: Scores = Scores()
    cost: Cost = Cost()
    curve: list[CurvePoint] = []
    stages: list[Stage] = []
    """Behind a chain of compressors: the trained model, then what each of them made of it; empty without any."""
    notes: list[str] = []
    """What a reader should know: restarted at a higher rate, stopped early at step 120 ..."""
    files: dict[str, str] = {}
    """Digests of the files in the trial's folder, so that a damaged one is noticed (`core.seal`)."""


Verdict = Literal["reference", "better", "as good", "worse", "undecided", "indicative", "dropped", "failed", "floor"]
"""Against full fine-tuning, from the interval [L, U] of the difference and the margin:
better: L > 0, and the lead stands among all methods compared (Holm; else as good) · as good: L > -margin ·
worse: U < 0 and L <= -margin · undecided: the rest · indicative: fewer than 3 finished seeds, or a failed one ·
dropped: ruled out on dev after its first seed."""


class Interval(Spec):
    """A mean with its bootstrap interval over seeds and rows."""

    mean: float
    low: float
    high: float


class FurtherResult(Spec):
    """A method on a further test set: numbers to look at, which no verdict goes by."""

    mean: float
    """Mean score over seeds."""
    interval: Interval
    """Of the score, 90 % two-sided."""
    difference_to_full: Interval | None = None


class MethodRow(Spec):
    """One line of the verdict table."""

    name: str
    kind: Literal["method", "baseline"]
    seeds: int
    """Finished full-length trials."""
    mean: float | None
    """Mean test score over seeds."""
    interval: Interval | None = None
    """Of the test score, 90 % two-sided."""
    dev_mean: float | None = None
    seed_sd: float | None = None
    """Standard deviation of the test score over seeds."""
    verdict: Verdict
    detail: str = ""
    """One sentence behind the verdict, for people."""
    difference_to_full: Interval | None = None
    rows_needed: int | None = None
    """Test rows that would decide an undecided verdict."""
    further: dict[str, FurtherResult] = {}
    """On the further test sets, by name."""
    lr: float | None = None
    cost: Cost = Cost()
    """Means over the finished trials; peak memory is the largest."""
    within_limits: bool = True
    limit_broken: str | None = None
    chosen: bool = False


class Choice(Spec):
    """What leantune would ship."""

    method: str | None
    """None: nothing was trained to the end, or nothing keeps the limits."""
    verdict: Verdict | None
    reason: str
    floor: Literal["enough", "best", "majority"] | None = None
    """Why the choice is a floor: enough (proven as good as the reference, so no tuning is needed) · best (nothing tuned scores higher) ·
    majority (nothing beats the commonest answer). None: it is a tuned method, or nothing."""
    shipped: str | None = None
    """The method in the artifact: `method`, or where a floor is enough the cheapest tuned one that is as good, for those who want it."""
    trial: str | None = None
    """Digest of the trial whose weights are in the artifact: the median seed on dev, so that it stands for the mean."""
    artifact: str | None = None
    """Folder relative to the run folder; None when no method was trained to the end."""
    proof: str | None = None
    """How the artifact was proven after saving."""


class Mistake(Spec):
    """A test row that the chosen method got wrong: with confidence, or by the largest error."""

    row: int
    """Row number in the user's file, counted from 1 (the header is not a row)."""
    text: str
    text_pair: str | None = None
    gold: Any
    """As people read it: a label, a number, a list of labels or tags."""
    predicted: Any
    confidence: float
    words: list[str] | None = None
    """The words that the tags belong to."""
    places: list[int] = []
    """Those of them that the row is about, from 0: a predicate, a trigger."""
    pieces: list[Piece] = []
    """The last text in pieces, shortened where it is long; empty where it is shown as it is."""
    options: list[tuple[str, float]] | None = None
    """The row's own options and how likely each is, of multiple choice."""


class Candidate(Spec):
    """One of the texts that were ranked."""

    place: int
    """From 1, the best."""
    row: int
    """Row number in the user's file, counted from 1."""
    text: str
    relevant: bool
    score: float


class Ranking(Spec):
    """A question whose candidates came in a wrong order."""

    text: str
    score: float
    """Average precision."""
    size: int
    """Number of its candidates."""
    candidates: list[Candidate]
    """The first few and the relevant ones, in the order of the model."""


class Inspection(Spec):
    """A closer look at the chosen method on the test set."""

    method: str
    labels: list[str]
    confusion: list[list[int]] = []
    """confusion[gold][predicted], counts of test rows, or of words; empty where there is no single label."""
    per_label: list[dict[str, Any]] = []
    """label, rows, precision, recall, f1 for each label, or each type of span."""
    scatter: list[tuple[float, float]] = []
    """(gold, predicted) of numbers, evenly drawn."""
    errors: dict[str, float] = {}
    """Mean errors in the unit of the answers, perplexity; lower is better."""
    scores: dict[str, float] = {}
    """Of texts: every score that is a fraction, the study's metric too."""
    rankings: list[Ranking] = []
    """Where rows are ranked in groups: the worst groups."""
    typical: list[Writing] = []
    """Where texts are written: rows evenly drawn from the test set."""
    worst: list[Writing] = []
    """And the rows with the lowest chrF."""
    learned: list[Sample] = []
    """Where a decoder writes: rows of train as they are trained on; what the loss is on is `learned`."""
    samples: list[Sample] = []
    """Of language models: what one finds or says in test passages."""
    mistakes: list[Mistake]
    """Empty where texts are written."""


class CheckFinding(Spec):
    """One thing that the data check found."""

    kind: str
    """rows, labels, lengths, truncated, empty, duplicates, near_duplicates, conflicting_labels, leakage, giveaway ..."""
    severity: Literal["info", "warning", "error"]
    message: str
    """One sentence with numbers and row numbers."""
    rows: list[int] = []
    """The first rows concerned."""
    fix: str | None = None


class CheckReport(Spec):
    """The data check: facts first, then findings."""

    source: str
    splits: dict[str, int]
    """Rows per split."""
    labels: dict[str, dict[str, int]]
    """Label counts per split, most frequent first."""
    wholes: dict[str, int] = {}
    """What label counts are shares of, per split: its rows, or its words where each has a tag."""
    length_quantiles: dict[str, int] = {}
    """Tokens per row at p50, p90, p95, p99, max."""
    max_length: int | None = None
    """Tokens of a row that are read."""
    truncated_share: float | None = None
    """Rows that are cut; None where long rows are read in several pieces."""
    truncated_tokens: float | None = None
    """Share of all tokens that are not read."""
    long: str = "head"
    """How rows are read that are too long."""
    target_quantiles: dict[str, int] = {}
    """Tokens per target, where any is written."""
    target_length: int | None = None
    """Tokens of a target that are learned."""
    truncated_targets: float | None = None
    findings: list[CheckFinding] = []

    def share(self, split: str, label: str) -> float:
        """Share of the rows of a split that have a label; of its words where each has a tag."""
        return self.labels[split].get(label, 0) / max(1, self.wholes.get(split, self.splits[split]))


class Ledger(Spec):
    """Budget planned and spent."""

    budget: str
    steps_per_trial: int
    planned_seconds: float
    spent_seconds: float
    finished: bool = True
    """False: interrupted or out of time; the same command goes on."""
    lines: list[str] = []
    """What was planned, dropped and why, in order."""
    more_time: str = ""
    """What more time would buy, in one sentence."""


class Comparison(Spec):
    """Everything that the report shows; a pure function of records."""

    version: int = VERSION
    leantune: str
    created: str
    """ISO time."""
    command: str
    """How to run it again."""
    study: dict[str, Any]
    """Name, data (source, digest, columns, splits, labels), model (name, weights, revision, pooling, max_length), seeds, budget, metric,
    margin (a fraction), limits, machine (cpu, cores, torch ...), inferences (the printed lines)."""
    check: CheckReport
    tests: dict[str, int] = {}
    """Rows of each test set by name, the main one first; empty in comparisons of earlier versions, which had one without a name."""
    trials: list[TrialRecord]
    methods: list[MethodRow]
    """Sorted by mean test score, best first."""
    pareto: list[str]
    """Names of the methods that no other beats in both score and trainable parameters."""
    choice: Choice
    inspection: Inspection | None = None
    unsupported: dict[str, str] = {}
    """Methods left out before anything ran, with the reason."""
    ledger: Ledger
