"""A realistic comparison out of synthetic trials, for reports and tests: no model is trained, everything else is the real code.

example_comparison()   8 methods, 3 floors; one method diverged, one is undecided, one is dropped; curves, mistakes, a data check
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leantune.comparison.build import ComparisonInputs, build
from leantune.comparison.elimination import Candidate, eliminate
from leantune.comparison.inspect import RowText
from leantune.core.digest import digest
from leantune.core.records import (
    CheckFinding,
    CheckReport,
    Comparison,
    Cost,
    CurvePoint,
    Flops,
    Latency,
    Ledger,
    Recipe,
    Scores,
    TrialRecord,
)
from leantune.core.study import Limits
from leantune.evaluate.predictions import Predictions
from leantune.scores.labels import score, tally
from leantune.scores.tally import Tally
from leantune.tasks.classification import MEMBER as CLASSIFICATION

LABELS = ("card arrival", "card declined", "cash withdrawal", "exchange rate", "lost or stolen card", "transfer pending")
_SHARES = (0.14, 0.22, 0.17, 0.12, 0.11, 0.24)
_ROWS: dict[str, int] = {"dev": 800, "test": 2400}
_SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Planted:
    """The truth about one synthetic method: how often it is right, and what it costs."""

    name: str
    accuracy: float
    params: int
    params_without_head: int
    saved_bytes: int
    seconds: float
    memory: int
    latency: float
    lr: float = 0.0
    spread: float = 0.002
    """Standard deviation of the accuracy over seeds."""
    seeds: tuple[int, ...] = _SEEDS


_MB = 1_000_000
METHODS = (
    Planted("full", 0.907, 22_715_526, 22_713_216, 90_900_000, 94, 1_610 * _MB, 6.2, 5e-5),
    Planted("lora(rank=8)", 0.909, 149_766, 147_456, 604_300, 71, 1_190 * _MB, 6.3, 5e-4),
    Planted("houlsby", 0.906, 303_750, 301_440, 1_224_000, 68, 1_210 * _MB, 7.9, 3e-4),
    Planted("bitfit", 0.903, 42_630, 40_320, 176_400, 63, 1_150 * _MB, 6.2, 1e-3, spread=0.004),
    Planted("norm", 0.896, 12_294, 9_984, 54_100, 61, 1_140 * _MB, 6.2, 3e-3),
    Planted("ia3", 0.862, 14_598, 12_288, 62_700, 66, 1_170 * _MB, 6.4, 1e-2, seeds=(1,)),
    Planted("head", 0.842, 2_310, 0, 9_700, 11, 610 * _MB, 6.2, 3e-3),
)
FAILING = Planted("prefix(length=20)", 0.0, 94_470, 92_160, 381_000, 22, 1_240 * _MB, 7.0, 3e-2)
FLOORS = (
    Planted("majority", 0.0, 0, 0, 120, 0.002, 0, 0.01),
    Planted("tfidf", 0.818, 74_800, 74_800, 1_490_000, 3.8, 0, 0.4),
    Planted("embeddings", 0.851, 2_310, 2_310, 10_100, 9.1, 0, 6.2),
)


def example_comparison(*, limits: Limits | None = None) -> Comparison:
    """The example, always the same."""
    return build(example_inputs(limits=limits))


def example_inputs(*, limits: Limits | None = None) -> ComparisonInputs:
    """What the example is built from; `dataclasses.replace` plants something else."""
    world = _World()
    records = [world.trial(planted, seed) for planted in METHODS for seed in planted.seeds]
    records += [world.trial(planted, 0, baseline=True) for planted in FLOORS]
    records += [world.race(planted, lr) for planted in METHODS for lr in (planted.lr / 2, planted.lr, planted.lr * 2)]
    records += [world.diverged(FAILING, seed) for seed in _SEEDS]
    dropped = world.dropped()
    return ComparisonInputs(
        study=_study(),
        records=records,
        predictions=world.predictions,
        task=CLASSIFICATION,
        metric="accuracy",
        margin=0.01,
        labels=LABELS,
        check=_check(),
        ledger=_ledger(list(dropped.values())),
        texts=_text,
        command="leantune compare tickets.csv --model minilm --budget 20min --seeds 3",
        created="2026-01-01T12:00:00+00:00",
        leantune="0.1.0",
        limits=limits or Limits(),
        unsupported={"p_tuning": "p_tuning needs a tokenizer with a padding token; this one has none."},
        dropped=dropped,
        artifact="best",
    )


class _World:
    """Gold labels, how hard each row is, and the predictions of every trial, all from one seed."""

    def __init__(self) -> None:
        generator = np.random.default_rng(7)
        self.gold = {split: generator.choice(len(LABELS), size=rows, p=_SHARES) for split, rows in _ROWS.items()}
        self.hardness = {split: generator.random(rows) for split, rows in _ROWS.items()}
        self.made: dict[tuple[str, str], Predictions] = {}

    def predictions(self, name: str, split: str) -> Predictions:
        return self.made[name, split]

    def trial(self, planted: Planted, seed: int, *, baseline: bool = False) -> TrialRecord:
        name = _digest(planted, seed, "final")
        for split in ("dev", "test"):
            self.made[name, split] = self._predict(planted, seed, split)
        both = [self.made[name, split] for split in ("dev", "test")]
        dev, test = (score("accuracy", found.gold, found.predicted, len(LABELS)) for found in both)
        return TrialRecord(
            digest=name,
            name=planted.name,
            method=planted.name,
            phase="baseline" if baseline else "final",
            recipe=None if baseline else _recipe(planted, planted.lr),
            seed=seed,
            status="ok",
            scores=Scores(dev=dev, test=test),
            cost=_cost(planted, seed, baseline=baseline),
            curve=[] if baseline else _curve(planted, seed, dev),
            notes=["stopped early at step 250 of 300"] if planted.name == "head" else [],
        )

    def race(self, planted: Planted, lr: float) -> TrialRecord:
        off = abs(np.log2(lr / planted.lr))
        return TrialRecord(
            digest=_digest(planted, lr, "race"),
            name=planted.name,
            method=planted.name,
            phase="race",
            recipe=_recipe(planted, lr).model_copy(update={"steps": 100}),
            seed=1,
            status="ok",
            scores=Scores(dev=round(planted.accuracy - 0.02 - 0.015 * off, 4)),
            cost=Cost(trainable_params=planted.params, train_seconds=planted.seconds / 3),
            curve=_curve(planted, 1, planted.accuracy - 0.02 - 0.015 * off)[:4],
        )

    def diverged(self, planted: Planted, seed: int) -> TrialRecord:
        return TrialRecord(
            digest=_digest(planted, seed, "final"),
            name=planted.name,
            method=planted.name,
            phase="final",
            recipe=_recipe(planted, planted.lr),
            seed=seed,
            status="diverged",
            reason=f"the loss stopped being a finite number at step {37 + seed}; the last finite one was 8.41.",
            cost=Cost(trainable_params=planted.params, trainable_params_without_head=planted.params_without_head),
            curve=[CurvePoint(step=25, seconds=7.9, train_loss=2.31, dev_score=0.24)],
        )

    def dropped(self) -> dict[str, str]:
        """What elimination says after the first seed on dev about the one method that stopped there."""
        stopped = [planted for planted in METHODS if planted.seeds == (1,) or planted.name == "full"]
        return eliminate([Candidate(planted.name, {1: self._dev_tally(planted)}, planted.seconds) for planted in stopped], 0.01)

    def _dev_tally(self, planted: Planted) -> Tally:
        found = self.made[_digest(planted, 1, "final"), "dev"]
        return tally("accuracy", found.gold, found.predicted, len(LABELS))

    def _predict(self, planted: Planted, seed: int, split: str) -> Predictions:
        """The hardest rows are wrong, with noise of the method and of the seed; the wrong label is a neighbour more often than not."""
        gold, rows = self.gold[split], _ROWS[split]
        if planted.name == "majority":
            return Predictions(gold, np.full(rows, int(np.argmax(_SHARES))), np.full(rows, max(_SHARES)))
        own, trial = _generator(planted.name, split), _generator(planted.name, split, seed)
        hard = self.hardness[split] + 0.05 * own.standard_normal(rows) + 0.03 * trial.standard_normal(rows)
        errors = round(rows * (1 - planted.accuracy - planted.spread * float(_generator(planted.name, seed).standard_normal())))
        wrong = np.zeros(rows, dtype=bool)
        wrong[np.argsort(-hard)[:errors]] = True
        shift = np.where(trial.random(rows) < 0.6, 1, trial.integers(1, len(LABELS), rows))
        predicted = np.where(wrong, (gold + shift) % len(LABELS), gold)
        confidence = np.where(wrong, trial.beta(4, 2.5, rows), trial.beta(14, 1.2, rows))
        return Predictions(gold, predicted, np.maximum(confidence, 1 / len(LABELS)))


def _generator(*key: Any) -> np.random.Generator:
    return np.random.default_rng(int(digest(list(key)), 16))


def _digest(planted: Planted, *key: Any) -> str:
    return digest(planted.name, list(key))


def _recipe(planted: Planted, lr: float) -> Recipe:
    return Recipe(task="classification", method=planted.name, lr=lr, head_lr=None if planted.name == "full" else max(lr, 1e-3), steps=300)


def _cost(planted: Planted, seed: int, *, baseline: bool) -> Cost:
    wobble = 1 + 0.02 * float(_generator(planted.name, seed, "clock").standard_normal())
    return Cost(
        trainable_params=planted.params,
        trainable_params_without_head=planted.params_without_head,
        saved_bytes=planted.saved_bytes,
        train_seconds=planted.seconds * wobble,
        peak_memory_bytes=None if baseline else round(planted.memory * wobble),
        latency_ms=Latency(batch_1=planted.latency * wobble, batch_32=planted.latency * 11.3 * wobble),
        flops_per_row=None if baseline else Flops(train=2.3e9 if planted.name == "full" else 1.6e9, predict=0.77e9),
    )


def _curve(planted: Planted, seed: int, dev: float) -> list[CurvePoint]:
    noise: NDArray[Any] = 0.006 * _generator(planted.name, seed, "curve").standard_normal(8)
    noise[-2] = 0.0
    share = 1 - np.exp(-np.array([0.6, 1.1, 1.7, 2.4, 3.2, 4.0, 9.0, 4.6]))
    return [
        CurvePoint(
            step=round(37.5 * (look + 1)),
            seconds=round(planted.seconds / 8 * (look + 1), 2),
            train_loss=round(1.75 * float(np.exp(-2.2 * share[look])) + 0.02, 4),
            dev_score=round(float(0.24 + (dev - 0.24) * share[look] + noise[look]), 4),
        )
        for look in range(8)
    ]


_OPENINGS = ("Hello,", "Hi there,", "Good morning,", "Please help:", "Second time I ask,", "Quick question:")
_MIDDLES = (
    "my new card has not come in the post yet",
    "my card was declined in a shop although there is money on the account",
    "the machine kept my card and gave no cash",
    "the rate in the app is not the one I was charged",
    "I think that somebody took my card on the bus",
    "the transfer to my landlord has been pending since Monday",
    'the page shows only "<b>error & retry</b>" when I open my card',
)
_ENDINGS = ("what can I do?", "can you check?", "how long does it take?", "it is urgent.", "I would like my money back.")


def _text(position: int) -> RowText:
    generator = _generator("text", position)
    parts = [str(generator.choice(options)) for options in (_OPENINGS, _MIDDLES, _ENDINGS)]
    return RowText(row=12_001 + position, text=" ".join(parts))


def _study() -> dict[str, Any]:
    return {
        "name": "tickets",
        "task": "classification",
        "data": {
            "source": "tickets.csv",
            "digest": "5e1f0c22a9b4d7c3",
            "columns": {"text": "message", "text_pair": None, "label": "topic"},
            "splits": {"train": 6800, **_ROWS},
            "labels": list(LABELS),
        },
        "model": {"name": "minilm", "weights": "53aa51172d142c89", "pooling": "mean", "max_length": 64, "params": 22_713_216},
        "seeds": list(_SEEDS),
        "budget": "20min",
        "metric": "accuracy",
        "margin": 0.01,
        "limits": {},
        "machine": {"cpu": "Example CPU @ 2.6 GHz", "cores": 2, "threads": 2, "memory_bytes": 16_000_000_000, "torch": "2.13.0"},
        "inferences": [
            'text: column "message" (longest texts). Override with --text.',
            'label: column "topic" (6 values, each at least 750 times). Override with --label.',
            "pooling: mean, as the base model was trained. Override with --pooling.",
        ],
    }


def _check() -> CheckReport:
    counts = {name: round(share * 6800) for name, share in zip(LABELS, _SHARES, strict=True)}
    ordered = dict(sorted(counts.items(), key=lambda item: -item[1]))
    return CheckReport(
        source="tickets.csv",
        splits={"train": 6800, **_ROWS},
        labels={
            "train": ordered,
            "dev": {k: v * 800 // 6800 for k, v in ordered.items()},
            "test": {k: v * 2400 // 6800 for k, v in ordered.items()},
        },
        length_quantiles={"p50": 17, "p90": 29, "p95": 34, "p99": 48, "max": 131},
        max_length=64,
        truncated_share=0.0031,
        findings=[
            CheckFinding(
                kind="truncated", severity="info", message="31 of 10,000 rows (0.3 %) are longer than 64 tokens and would be cut."
            ),
            CheckFinding(
                kind="near_duplicates",
                severity="warning",
                message="42 test rows are nearly the same as a train row (rows 12,003, 12,117, 12,340 ...).",
                rows=[12_003, 12_117, 12_340],
                fix="Give a test file without them, or let leantune split the file: groups of duplicates then stay together.",
            ),
            CheckFinding(
                kind="conflicting_labels",
                severity="warning",
                message='6 texts carry different labels, for example "card <not> working" as "card declined" and "card arrival".',
                rows=[88, 4120],
                fix="Decide on one label for each text.",
            ),
        ],
    )


def _ledger(dropped: list[str]) -> Ledger:
    return Ledger(
        budget="20min",
        steps_per_trial=300,
        planned_seconds=1200,
        spent_seconds=1163,
        lines=[
            "Planned: 3 floors, 8 methods x 3 learning rates x 100 steps, then 8 methods x 3 seeds x 300 steps.",
            "p_tuning left out: it needs a tokenizer with a padding token.",
            "prefix(length=20) diverged on every seed.",
            *dropped,
        ],
        more_time="With 40min each trial could take 600 steps and five seeds would fit, which narrows the intervals by about a quarter.",
    )
