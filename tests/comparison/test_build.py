from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from leantune.comparison.build import ComparisonInputs, build
from leantune.core.errors import ArtifactError
from leantune.core.records import Comparison, Cost, Latency, MethodRow, Recipe, Scores, TrialRecord
from leantune.core.study import Limits
from leantune.evaluate.predictions import Predictions
from leantune.testing.comparisons import example_inputs

ROWS = 600


@cache
def example() -> Comparison:
    return build(example_inputs())


class Planted:
    """A study whose truth is planted: name and seed to predictions on test, all on the same gold labels."""

    def __init__(self, gold: np.ndarray) -> None:
        self.gold, self.records, self.found = gold, list[TrialRecord](), dict[str, np.ndarray]()

    def add(self, name: str, predicted: np.ndarray, *, seed: int = 1, stored: int = 1000, phase: str = "final", dev: float = 0.8) -> None:
        digest = f"{name}-{seed}"
        self.found[digest] = predicted
        cost = Cost(saved_bytes=stored, latency_ms=Latency(batch_1=5, batch_32=50), train_seconds=10, trainable_params=stored)
        test = float((predicted == self.gold).mean())
        recipe = None if phase == "baseline" else Recipe(task="classification", method=name, lr=1e-3, steps=10)
        self.records.append(
            TrialRecord.model_validate(
                {
                    "digest": digest,
                    "name": name,
                    "method": name,
                    "phase": phase,
                    "recipe": recipe,
                    "seed": seed,
                    "status": "ok",
                    "cost": cost,
                }
                | {"scores": Scores(dev=dev, test=test)}
            )
        )

    def fail(self, name: str, *, seed: int = 1, status: str = "failed", phase: str = "final") -> None:
        recipe = Recipe(task="classification", method=name, lr=1e-3, steps=10)
        values = {"digest": f"{name}-{seed}-{phase}", "name": name, "method": name, "phase": phase, "recipe": recipe, "seed": seed}
        self.records.append(TrialRecord.model_validate(values | {"status": status, "reason": "out of memory."}))

    def predictions(self, digest: str, split: str) -> Predictions:
        assert split == "test"
        return Predictions(self.gold, self.found[digest], np.full(len(self.gold), 0.9))

    def inputs(self, n_labels: int = 2, **changes: object) -> ComparisonInputs:
        made = dataclasses.replace(
            example_inputs(), records=self.records, predictions=self.predictions, labels=[f"label {k}" for k in range(n_labels)], dropped={}
        )
        return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def guesses(gold: np.ndarray, accuracy: float, seed: int, n_labels: int = 2) -> np.ndarray:
    generator = np.random.default_rng([seed, 5])
    return np.where(
        np.random.default_rng(0).random(len(gold)) + 0.02 * generator.standard_normal(len(gold)) < accuracy, gold, (gold + 1) % n_labels
    )


def row(comparison: Comparison, name: str) -> MethodRow:
    return next(one for one in comparison.methods if one.name == name)


def test_the_example_shows_every_verdict_and_survives_json() -> None:
    comparison = example()
    assert {one.verdict for one in comparison.methods} >= {"reference", "as good", "worse", "undecided", "dropped", "failed", "floor"}
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison
    assert [one.name for one in comparison.methods if one.chosen] == [comparison.choice.method]
    means = [one.mean for one in comparison.methods if one.mean is not None]
    assert means == sorted(means, reverse=True)
    assert "below the margin of 1. On test, 1 seed: " in row(comparison, "ia3").detail


def test_the_order_of_trials_changes_nothing_but_their_list() -> None:
    inputs = example_inputs()
    shuffled = [inputs.records[k] for k in np.random.default_rng(0).permutation(len(inputs.records))]
    again = build(dataclasses.replace(inputs, records=shuffled))
    assert (again.methods, again.choice, again.inspection) == (example().methods, example().choice, example().inspection)
    assert sorted(again.pareto) == sorted(example().pareto)


def test_the_shipped_trial_is_the_median_seed_on_dev() -> None:
    comparison = example()
    trials = sorted(
        (t for t in comparison.trials if t.name == comparison.choice.method and t.phase == "final"), key=lambda t: t.scores.dev or 0
    )
    assert comparison.choice.trial == trials[1].digest
    assert comparison.choice.artifact == "best"


def test_inspection_is_of_the_shipped_trial() -> None:
    comparison = example()
    assert comparison.inspection is not None
    matrix = np.array(comparison.inspection.confusion)
    trial = next(one for one in comparison.trials if one.digest == comparison.choice.trial)
    assert matrix.sum() == 2400
    assert np.trace(matrix) / matrix.sum() == pytest.approx(trial.scores.test)
    confidences = [mistake.confidence for mistake in comparison.inspection.mistakes]
    assert confidences == sorted(confidences, reverse=True)


def test_random_labels_nothing_beats_the_floor() -> None:
    for study in range(2):
        generator = np.random.default_rng(study)
        world = Planted(generator.choice(3, ROWS, p=[0.4, 0.35, 0.25]))
        for name in ("full", "lora", "head", "bitfit"):
            for seed in (1, 2, 3):
                world.add(name, generator.choice(3, ROWS, p=[0.8, 0.15, 0.05]), seed=seed)
        world.add("majority", np.zeros(ROWS, dtype=int), phase="baseline", stored=1)
        comparison = build(world.inputs(3))
        assert comparison.choice.method == "majority"
        assert comparison.choice.reason.startswith("Nothing beats the majority floor")


def test_two_identical_methods_tie_and_the_cheaper_one_is_chosen() -> None:
    world = Planted(np.random.default_rng(0).integers(0, 2, ROWS))
    for seed in (1, 2, 3):
        same = guesses(world.gold, 0.9, seed)
        world.add("full", same, seed=seed, stored=9000)
        world.add("twin", same, seed=seed, stored=5000)
        world.add("cheap twin", same, seed=seed, stored=100)
    comparison = build(world.inputs())
    assert comparison.choice.method == "cheap twin"
    assert row(comparison, "twin").verdict == row(comparison, "cheap twin").verdict == "as good"
    assert row(comparison, "twin").difference_to_full == row(comparison, "cheap twin").difference_to_full
    assert comparison.pareto == ["cheap twin"]


def test_a_crashed_method_leaves_the_rest() -> None:
    world = Planted(np.random.default_rng(0).integers(0, 2, ROWS))
    for seed in (1, 2, 3):
        world.add("full", guesses(world.gold, 0.9, seed), seed=seed, stored=9000)
        world.add("lora", guesses(world.gold, 0.9, seed), seed=seed)
        world.fail("crash", seed=seed)
        world.fail("flat", seed=seed, status="one_class")
    comparison = build(world.inputs())
    assert comparison.choice.method == "lora"
    assert (row(comparison, "crash").verdict, row(comparison, "crash").mean) == ("failed", None)
    assert row(comparison, "crash").detail == "Failed: out of memory."
    assert row(comparison, "flat").detail.startswith("One answer for all:")
    assert [one.name for one in comparison.methods[-2:]] == ["crash", "flat"]


def test_a_method_that_fails_on_one_seed_claims_nothing() -> None:
    world = Planted(np.random.default_rng(0).integers(0, 2, ROWS))
    for seed in (1, 2, 3, 4):
        world.add("full", guesses(world.gold, 0.9, seed), seed=seed, stored=9000)
        if seed < 4:
            world.add("lora", guesses(world.gold, 0.9, seed), seed=seed)
    world.fail("lora", seed=4, status="diverged")
    comparison = build(world.inputs())
    assert row(comparison, "lora").verdict == "indicative"
    assert "1 of 4 seeds did not finish" in row(comparison, "lora").detail
    assert comparison.choice.method == "full"


def test_without_full_the_claim_is_relative_to_the_best_on_dev() -> None:
    world = Planted(np.random.default_rng(0).integers(0, 2, ROWS))
    for seed in (1, 2, 3):
        world.add("lora", guesses(world.gold, 0.90, seed), seed=seed, dev=0.95, stored=5000)
        world.add("bitfit", guesses(world.gold, 0.90, seed), seed=seed, dev=0.90, stored=100)
    world.fail("full")
    comparison = build(world.inputs())
    assert row(comparison, "lora").verdict == "reference"
    assert row(comparison, "full").verdict == "failed"
    assert comparison.choice.method == "bitfit"
    assert "Full fine-tuning did not finish (Failed: out of memory): the claim is relative to lora" in comparison.choice.reason


def test_a_signal_in_the_test_set_does_not_change_which_trial_ships() -> None:
    world = Planted(np.random.default_rng(0).integers(0, 2, ROWS))
    for seed, dev in ((1, 0.7), (2, 0.8), (3, 0.9)):
        world.add("full", guesses(world.gold, 0.99 if seed == 1 else 0.9, seed), seed=seed, dev=dev)
    assert build(world.inputs()).choice.trial == "full-2"


def test_races_never_enter_the_table_but_are_not_lost() -> None:
    world = Planted(np.random.default_rng(0).integers(0, 2, ROWS))
    for seed in (1, 2, 3):
        world.add("full", guesses(world.gold, 0.9, seed), seed=seed)
    world.fail("prefix", phase="race", status="diverged")
    comparison = build(world.inputs())
    assert row(comparison, "prefix").verdict == "failed"
    assert row(comparison, "prefix").detail == "Diverged: out of memory."
    assert row(example(), "full").seeds == 3


def test_limits_exclude_and_say_so() -> None:
    comparison = build(example_inputs(limits=Limits(max_size=100_000)))
    assert not row(comparison, "bitfit").within_limits
    assert row(comparison, "bitfit").limit_broken == "Stores 176 kB, over the limit of 100 kB."
    assert comparison.choice.method == "norm"


def test_only_floors_or_nothing_at_all() -> None:
    world = Planted(np.array([0, 1] * 50))
    world.add("tfidf", world.gold, phase="baseline")
    assert build(world.inputs()).choice.method == "tfidf"
    empty = build(Planted(world.gold).inputs())
    assert (empty.choice.method, empty.methods, empty.inspection) == (None, [], None)


def test_other_test_rows_and_edited_records_are_noticed() -> None:
    inputs = example_inputs()
    full = next(record for record in inputs.records if record.name == "full" and record.phase == "final")

    def other_rows(digest: str, split: str) -> Predictions:
        found = inputs.predictions(digest, split)
        return Predictions(found.gold[:-1], found.predicted[:-1], found.confidence[:-1]) if digest == full.digest else found

    with pytest.raises(ArtifactError, match="other test rows"):
        build(dataclasses.replace(inputs, records=[*inputs.records[3:6], full], predictions=other_rows))
    edited = full.model_copy(update={"scores": Scores(dev=0.9, test=0.99)})
    with pytest.raises(ArtifactError, match="its record says a test score of 0"):
        build(dataclasses.replace(inputs, records=[edited]))
