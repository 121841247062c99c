"""The example comparison in other shapes: more or fewer methods, many labels, nothing measured, hostile texts."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any, get_args

from leantune.comparison.build import build
from leantune.comparison.writings import writing
from leantune.core.records import Candidate, Comparison, Cost, Inspection, MethodRow, Mistake, Ranking, TrialRecord
from leantune.core.shown import Piece, Sample
from leantune.testing.comparisons import example_comparison, example_inputs

HOSTILE = "</script><img src=x onerror=alert(1)><!-- \u2028 {{ 7*7 }} \"'&"


@cache
def example() -> Comparison:
    return example_comparison()


def with_methods(number: int) -> Comparison:
    """`number` methods besides the floors: the best ones, or copies of them under new names."""
    base = example()
    tuned = [row for row in base.methods if row.kind == "method" and row.verdict != "failed"]
    rows = [row for row in base.methods if row not in tuned or row in tuned[:number]]
    trials, copied = list(base.trials), [row for row in tuned if row.verdict != "reference"]
    for at in range(number - len(tuned)):
        source, name = copied[at % len(copied)], f"lora(rank={2 ** (at % 9)}, sites=all, copy={at})"
        rows.append(_copied(source, name, at))
        trials += [trial.model_copy(update={"name": name}) for trial in base.trials if trial.name == source.name]
    return base.model_copy(update={"methods": sorted(rows, key=lambda row: -(row.mean or 0)), "trials": trials})


@cache
def without_full() -> Comparison:
    """`full` was not part of the study, so another method is the reference."""
    inputs = example_inputs()
    return build(replace(inputs, records=[record for record in inputs.records if record.name != "full"]))


def with_choice(**changes: Any) -> Comparison:
    """The example with another choice."""
    base = example()
    return base.model_copy(update={"choice": base.choice.model_copy(update=changes)})


def with_labels(number: int) -> Comparison:
    """A confusion matrix and label counts of `number` labels."""
    base, generator = example(), random.Random(3)
    labels = [f"reason number {at} for writing" if at % 3 else f"topic {at}" for at in range(number)]
    counts = [[40 if gold == said else generator.choice([0] * 9 + [1, 3]) for said in range(number)] for gold in range(number)]
    parts = [
        {"label": label, "rows": sum(row), "precision": 0.9, "recall": 40 / sum(row), "f1": 0.91 - at / 900}
        for at, (label, row) in enumerate(zip(labels, counts, strict=True))
    ]
    seen = Inspection(method="bitfit", labels=labels, confusion=counts, per_label=parts, mistakes=[])
    check = base.check.model_copy(update={"labels": {"train": {label: 300 - at for at, label in enumerate(labels)}}})
    return base.model_copy(update={"inspection": seen, "check": check})


def without_measurements() -> Comparison:
    """No cost, no interval, no inspection, no floors, no curve: the least that a comparison can say."""
    base = example()
    bare: dict[str, Any] = {"cost": Cost(), "interval": None, "difference_to_full": None, "dev_mean": None, "seed_sd": None, "lr": None}
    rows = [row.model_copy(update=bare) for row in base.methods if row.kind == "method"][:2]
    return base.model_copy(update={"methods": rows, "trials": [], "inspection": None, "pareto": [], "study": {}, "unsupported": {}})


def with_pieces(text: str) -> Comparison:
    """One mistake of every colour."""
    base = with_labels(3)
    pieces = [Piece(text=f"{kind} {text}", kind=kind) for kind in get_args(Piece.model_fields["kind"].annotation)]
    mistakes = [
        Mistake(row=1, text="asked", text_pair=pair, gold="a", predicted="b", confidence=0.9, pieces=pieces) for pair in (None, "b")
    ]
    return base.model_copy(update={"inspection": base.inspection.model_copy(update={"mistakes": mistakes})})  # type: ignore[union-attr]


def with_rankings(text: str) -> Comparison:
    """Eleven questions, so that some are folded away."""
    base = with_labels(3)
    candidates = [Candidate(place=place, row=place, text=text, relevant=place == 7, score=1 / place) for place in (1, 2, 7)]
    rankings = [Ranking(text=f"question {at} {text}", score=1 / 7, size=9, candidates=candidates) for at in range(11)]
    return base.model_copy(update={"inspection": base.inspection.model_copy(update={"rankings": rankings})})  # type: ignore[union-attr]


def with_texts(text: str, *, metric: str = "bleu", **changes: Any) -> Comparison:
    """Texts that were written, in several scripts, samples, and a row as it is trained on."""
    base = example()
    long = " ".join(["ein langer Satz über das Wetter"] * 60)
    rows = [
        (long, [f"a {text} reference", "one more"], f"another {text} output"),
        ("Der Junge ging nach Hause.", ["ذهب الولد إلى المدرسة، ثم عاد إلى البيت."], "ذهب البنت إلى المدرسة ثم عاد إلى البيت."),
        ("Ich bin in Peking.", ["我现在在北京，明天去上海。"], "我今天在南京，明天去上海。"),
        (text, [text], ""),
    ]
    written = [writing(at, *row, 0.1 * at) for at, row in enumerate(rows, 1)]
    turns = [Piece(text=f"User: {text}\nAssistant:"), Piece(text=f" {text}</s>", kind="learned")]
    seen: dict[str, Any] = {
        "typical": written,
        "worst": written[::-1] * 3,
        "learned": [Sample(row=7, pieces=turns)],
        "samples": [Sample(row=8, pieces=[Piece(text=text), Piece(text=f"go {text}", kind="predicted")], onward=text)],
        "scores": {"bleu": 0.1234, "chrf": 0.4321, "rougeL": 0.5},
    }
    study = {**base.study, "metric": metric, "training": {"judged_by": "likelihood"}}
    inspection = Inspection.build("inspection", {"method": "bitfit", "labels": ["text"], "mistakes": [], **seen, **changes})
    return base.model_copy(update={"inspection": inspection, "study": study})


def hostile(text: str = HOSTILE) -> Comparison:
    """`text` wherever a user's data or a name can stand."""
    base, name = example(), f"lora{text}"
    rows = [row.model_copy(update={"name": name, "detail": text, "limit_broken": text}) if row.chosen else row for row in base.methods]
    trials = [_renamed(trial, name, text) if trial.name == "bitfit" else trial for trial in base.trials]
    mistake = Mistake(row=1, text=text, text_pair=text, gold=text, predicted=text, confidence=0.9, options=[(text, 0.9)])
    finding = base.check.findings[0].model_copy(update={"message": text, "fix": text})
    changes = {
        "command": text,
        "methods": rows,
        "trials": trials,
        "study": {**base.study, "data": {"source": text, text: text}, "inferences": [text], "metric": text},
        "choice": base.choice.model_copy(update={"method": name, "reason": text, "artifact": text}),
        "inspection": with_labels(20).inspection.model_copy(update={"method": name, "labels": [text] * 20, "mistakes": [mistake]}),  # type: ignore[union-attr]
        "check": base.check.model_copy(update={"source": text, "labels": {"train": {text: 3}}, "findings": [finding]}),
        "unsupported": {text: text},
        "ledger": base.ledger.model_copy(update={"lines": [text], "more_time": text, "finished": False}),
    }
    return base.model_copy(update=changes)


def _renamed(trial: TrialRecord, name: str, text: str) -> TrialRecord:
    return trial.model_copy(update={"name": name, "reason": text, "notes": [text]})


def _copied(row: MethodRow, name: str, at: int) -> MethodRow:
    params = int((row.cost.trainable_params or 1000) * 1.2 ** (at % 7) + 17 * at)
    cost = row.cost.model_copy(update={"trainable_params": params, "saved_bytes": 4 * params})
    return row.model_copy(update={"name": name, "chosen": False, "mean": (row.mean or 0.8) - 0.0011 * at, "cost": cost})
