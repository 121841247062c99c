from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef, precision_recall_fscore_support

from leantune.core.errors import SpecError
from leantune.scores.labels import METRICS, confusion, per_label, score, tally
from leantune.scores.tally import Tally

SKLEARN = {
    "accuracy": accuracy_score,
    "macro_f1": lambda g, p, **kw: f1_score(g, p, average="macro", zero_division=0, **kw),
    "weighted_f1": lambda g, p, **kw: f1_score(g, p, average="weighted", zero_division=0, **kw),
    "mcc": matthews_corrcoef,
}


def planted(n_labels: int, rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    gold = generator.integers(0, n_labels, rows)
    return gold, np.where(generator.random(rows) < 0.7, gold, generator.integers(0, n_labels, rows))


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("n_labels", [2, 5, 77])
def test_equals_sklearn(metric: str, n_labels: int) -> None:
    gold, predicted = planted(n_labels)
    assert score(metric, gold, predicted, n_labels) == pytest.approx(SKLEARN[metric](gold, predicted), abs=1e-12)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_weights_are_repeated_rows(metric: str) -> None:
    gold, predicted = planted(4)
    weights = np.random.default_rng(1).integers(0, 4, len(gold))
    repeated = np.repeat(np.arange(len(gold)), weights)
    expected = SKLEARN[metric](gold[repeated], predicted[repeated])
    assert score(metric, gold, predicted, 4, weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_constant_predictions_and_absent_labels(metric: str) -> None:
    gold, predicted = np.array([0, 0, 2, 2]), np.zeros(4, dtype=int)
    assert score(metric, gold, predicted, 9) == pytest.approx(SKLEARN[metric](gold, predicted))


def test_per_label_equals_sklearn() -> None:
    gold, predicted = planted(5)
    matrix = confusion(gold, predicted, 5)
    assert (matrix == confusion_matrix(gold, predicted)).all()
    precision, recall, f1, rows = precision_recall_fscore_support(gold, predicted)
    for k, line in enumerate(per_label(matrix, list("abcde"))):
        assert line["label"] == "abcde"[k]
        assert line["rows"] == rows[k]
        assert [line["precision"], line["recall"], line["f1"]] == pytest.approx([precision[k], recall[k], f1[k]])


def test_another_task_brings_its_own_statistics() -> None:
    # micro-F1 of entities: right, predicted and gold entities per sentence
    sentences = np.array([[1, 1, 2], [0, 1, 0], [2, 2, 2], [1, 1, 2]])
    entity_f1 = Tally.of(sentences, lambda totals: 2 * totals[0] / (totals[1] + totals[2]))
    assert entity_f1.rows == 4
    assert entity_f1.score() == pytest.approx(2 * 4 / (5 + 6))
    assert entity_f1.score([0, 0, 1, 0]) == 1.0


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "macrof1"\. Closest: "macro_f1"'):
        tally("macrof1", [0], [0], 1)
