"""The example comparison with further test sets: one trained on English and tested on more, as of `leantune.testing.comparisons`.

example_languages()   en is the main test set (2,400 rows), de and zh (800 and 400 rows) are further ones, harder in this order
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leantune.comparison.build import ComparisonInputs, build
from leantune.core.records import Comparison, FurtherScore, TrialRecord
from leantune.data.test_sets import MAIN, split_of
from leantune.evaluate.predictions import Predictions
from leantune.scores.labels import score
from leantune.testing.comparisons import LABELS, example_inputs

FURTHER = {"de": (800, 0.1), "zh": (400, 0.3)}
"""Rows, and the share of the answers that goes wrong besides."""


def example_languages() -> Comparison:
    """The example, always the same."""
    return build(language_inputs())


def language_inputs() -> ComparisonInputs:
    """What it is built from."""
    inputs = example_inputs()

    def predictions(digest: str, split: str) -> Predictions:
        if split in ("dev", MAIN):
            return inputs.predictions(digest, split)
        rows, harder = next(facts for name, facts in FURTHER.items() if split_of(name) == split)
        found = inputs.predictions(digest, MAIN)
        wrong = np.random.default_rng(rows).random(rows) < harder
        guess = np.where(wrong, (np.asarray(found.gold[:rows]) + 1) % len(LABELS), found.predicted[:rows])
        return Predictions(found.gold[:rows], guess, found.confidence[:rows])

    def record(one: TrialRecord) -> TrialRecord:
        if one.scores.test is None:
            return one
        found = {name: predictions(one.digest, split_of(name)) for name in FURTHER}
        scored = {
            name: FurtherScore(data=name, score=score("accuracy", one.gold, one.predicted, len(LABELS))) for name, one in found.items()
        }
        return one.model_copy(update={"scores": one.scores.model_copy(update={"further": scored})})

    records = [record(one) for one in inputs.records]
    return replace(inputs, records=records, predictions=predictions, tests=("en", *FURTHER))
