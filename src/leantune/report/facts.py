"""What exactly was run, as pairs of words: the study's facts, whatever their nesting.

{"model": {"name": "minilm", "max_length": 128}} -> ("Base model", [("name", "minilm"), ("max length", "128")])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leantune.core import human
from leantune.core.errors import some
from leantune.core.records import Choice, Comparison, TrialRecord
from leantune.data.test_sets import MAIN
from leantune.report.letters import moment

_TITLES = {"data": "Data", "model": "Base model", "limits": "Limits", "machine": "Machine", "versions": "Versions"}
_SPECIAL = ("inferences",)
_METRICS = {
    "mcc": "MCC",
    "matthews": "MCC",
    "map": "MAP",
    "mrr": "MRR",
    "qwk": "weighted kappa",
    "spearman": "Spearman",
    "pearson": "Pearson",
    "r2": "R²",
    "bleu": "BLEU",
    "chrf": "chrF",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "exact": "exact match",
}


@dataclass(frozen=True)
class Facts:
    """One titled list of facts."""

    title: str
    pairs: list[tuple[str, str]]


def metric_name(comparison: Comparison) -> str:
    """The study's metric as readers write it.

    "macro_f1" becomes "macro F1".
    """
    return named(str(comparison.study.get("metric", "score")))


def judged_by(comparison: Comparison) -> str:
    """What networks are judged by on dev while they train: the study's metric, or how likely they find the texts that they shall write."""
    training = comparison.study.get("training")
    return named(str(training["judged_by"])) if isinstance(training, Mapping) and "judged_by" in training else metric_name(comparison)


def named(metric: str) -> str:
    """A metric as readers write it.

    >>> named("macro_entity_f1"), named("map"), named("accuracy")
    ('macro entity F1', 'MAP', 'accuracy')
    """
    return _METRICS.get(metric) or " ".join("F1" if word == "f1" else word for word in metric.split("_"))


def test_score(comparison: Comparison) -> str:
    """What the column of scores shows: "Test accuracy", or "Test accuracy, en" where the main test set has a name."""
    name = next(iter(comparison.tests), MAIN)
    return f"Test {metric_name(comparison)}" + ("" if name == MAIN else f", {name}")


def margin_of(comparison: Comparison) -> float:
    """The margin as a fraction; one point where the study does not say."""
    value = comparison.study.get("margin", 0.01)
    return float(value) if isinstance(value, int | float) else 0.01


def data_name(comparison: Comparison) -> str:
    """The data's short name: the last part of its source."""
    data = comparison.study.get("data")
    source = str(data.get("source", "")) if isinstance(data, Mapping) else ""
    return (source or comparison.check.source).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or "the data"


def headline(choice: Choice) -> tuple[str, str]:
    """The choice as a heading: its words, and the name that ends it where there is one.

    ("Ship", "lora(rank=8)")        ("No tuning needed:", "tfidf")        ("Nothing to ship yet", "")
    """
    if choice.method is None:
        return "Nothing to ship yet", ""
    if choice.floor == "majority":
        return "Nothing beats the commonest answer", ""
    if choice.floor == "enough":
        return "No tuning needed:", choice.method
    return "For now:" if choice.verdict in ("indicative", "undecided", "floor") else "Ship", choice.method


def model_name(comparison: Comparison) -> str:
    """The base model's name."""
    model = comparison.study.get("model")
    return str(model.get("name", "")) if isinstance(model, Mapping) else str(model or "")


def inferences(comparison: Comparison) -> list[str]:
    """The printed lines: what was inferred, why, how to override."""
    lines = comparison.study.get("inferences", [])
    return [str(line) for line in lines] if isinstance(lines, Sequence) and not isinstance(lines, str) else [str(lines)]


def study_facts(comparison: Comparison) -> list[Facts]:
    """The study in titled lists: plain values first, then one list per nested part."""
    plain = [("leantune", comparison.leantune), ("created", moment(comparison.created))]
    parts: list[Facts] = []
    for key, value in comparison.study.items():
        if key in _SPECIAL or value is None or value in ({}, [], ""):
            continue
        if isinstance(value, Mapping):
            parts.append(Facts(_TITLES.get(key, _words(key).capitalize()), _flatten(value)))
        else:
            plain.append((_words(key), _show(key, value)))
    return [Facts("Study", plain), *[part for part in parts if part.pairs]]


def budget_facts(comparison: Comparison) -> Facts:
    """Budget planned and spent."""
    ledger = comparison.ledger
    finals = [trial for trial in comparison.trials if trial.phase in ("final", "train")]
    races = [trial for trial in comparison.trials if trial.phase == "race"]
    pairs = [
        ("budget", ledger.budget),
        ("steps per full-length trial", f"{ledger.steps_per_trial:,}"),
        ("planned", human.duration(ledger.planned_seconds)),
        ("spent", human.duration(ledger.spent_seconds)),
        ("full-length trials", _tally(finals)),
        ("race trials", _tally(races)),
        ("finished", "yes" if ledger.finished else "no: the same command goes on"),
    ]
    return Facts("Budget", pairs)


def _tally(trials: list[TrialRecord]) -> str:
    broken = sum(trial.status != "ok" for trial in trials)
    return f"{len(trials):,}" + (f", {broken} not ok" if broken else "")


def _flatten(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, inner in value.items():
        name = f"{prefix}{_words(str(key))}"
        if isinstance(inner, Mapping):
            pairs += _flatten(inner, f"{name} ")
        elif inner is not None and inner not in ([], ""):
            pairs.append((name, _show(str(key), inner)))
    return pairs


def _show(key: str, value: Any) -> str:
    if key == "margin" and isinstance(value, int | float):
        return f"{human.points(value, signed=False)} point{'' if value == 0.01 else 's'}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return human.size(value) if key.endswith("bytes") else f"{value:,}" if value >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return some([_show("", item) for item in value], most=12)
    return str(value)


def _words(key: str) -> str:
    return key.replace("_", " ")
