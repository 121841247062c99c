"""Computed heads against libraries and against their own formulas, and words that are believed or not."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from leantune.models.contrast import anchored_contrast, drift
from leantune.models.label_bank import LabelBank, bank_of, nearness, unit
from leantune.models.solved_heads import STRENGTHS, Problem, averaged, logistic, prototypes

LABELS, WIDTH = 3, 16


def rows(each: int, seed: int = 0, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    gold = np.repeat(np.arange(LABELS), each)
    centres = 2 * np.eye(LABELS, WIDTH)
    return (centres[gold] + noise * random.normal(size=(len(gold), WIDTH)) + 1.0).astype(np.float32), gold


def bank(turn: float = 0.0) -> LabelBank:
    """Words at the centres of the labels, each turned towards the next label's by so much."""
    centres = np.eye(LABELS, WIDTH)
    return LabelBank.of([((1 - turn) * centres[label] + turn * centres[(label + 1) % LABELS] + 0.5)[None] for label in range(LABELS)])


def accuracy(solution, seed: int = 9) -> float:
    states, gold = rows(200, seed)
    return float((solution.logits(states.astype(np.float64)).argmax(axis=1) == gold).mean())


def test_logistic_without_words_is_that_of_scikit_learn() -> None:
    states, gold = rows(20)
    centred = unit(states.astype(np.float64) - states.mean(axis=0, dtype=np.float64))
    reference = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(centred, gold)
    found = logistic(Problem(states, gold, LABELS))
    likely = reference.decision_function(centred)
    mine = centred @ found.weight.T
    mine += found.bias + found.weight @ states.mean(axis=0, dtype=np.float64)
    assert mine - mine.mean(axis=1, keepdims=True) == pytest.approx(likely - likely.mean(axis=1, keepdims=True), abs=2e-3)


def test_prototypes_without_words_are_the_means_of_the_centred_rows() -> None:
    states, gold = rows(5)
    middle = states.mean(axis=0, dtype=np.float64)
    centred = unit(states - middle)
    found = prototypes(Problem(states, gold, LABELS))
    means = np.stack([unit(centred[gold == label].mean(axis=0)) for label in range(LABELS)])
    assert unit(found.weight) == pytest.approx(means, abs=1e-12)
    assert found.bias == pytest.approx(-found.weight @ middle, abs=1e-12)
    assert "no label words" in found.notes[0]


@pytest.mark.parametrize("solve", [prototypes, logistic, averaged])
def test_right_words_help_when_rows_are_few(solve) -> None:
    gains = []
    for seed in range(8):
        states, gold = rows(2, seed, noise=2.0)
        without, with_words = (accuracy(solve(Problem(states, gold, LABELS, words))) for words in (None, bank()))
        gains.append(with_words - without)
    assert np.mean(gains) > 0.05


@pytest.mark.parametrize("solve", [prototypes, logistic, averaged])
def test_longer_states_are_answered_alike(solve) -> None:
    states, gold = rows(6)
    one, longer = (solve(Problem(size * states, gold, LABELS)) for size in (1, 7))
    sample = rows(50, 5)[0].astype(np.float64)
    assert (one.logits(sample).argmax(axis=1) == longer.logits(7 * sample).argmax(axis=1)).all()


def test_averaged_is_the_mean_of_both_maps() -> None:
    states, gold = rows(4)
    problem = Problem(states, gold, LABELS, bank())
    one, other, both = prototypes(problem), logistic(problem), averaged(problem)
    sample = unit(rows(3, 5)[0].astype(np.float64))
    assert both.logits(sample) == pytest.approx((one.logits(sample) + other.logits(sample)) / 2)
    assert both.notes == one.notes + other.notes


def test_wrong_words_do_no_harm_because_of_leave_one_out() -> None:
    states, gold = rows(64)
    found = prototypes(Problem(states, gold, LABELS, bank(turn=1.0)))
    assert f"count as {STRENGTHS[-1]:g} rows" not in found.notes[0]
    assert accuracy(found) > accuracy(prototypes(Problem(states, gold, LABELS))) - 0.02


def test_nearness_is_the_area_under_the_curve() -> None:
    random = np.random.default_rng(3)
    likeness, own = random.normal(size=50).round(1), random.random(50) < 0.3  # ties too
    assert nearness(likeness, own) == pytest.approx(roc_auc_score(own, likeness))


def test_words_that_point_to_other_labels_are_dropped_and_the_rest_stays() -> None:
    states, gold = rows(8, noise=0.3)
    centres = np.eye(LABELS, WIDTH) + 0.5
    words = LabelBank.of([np.stack([centres[0], centres[1]]), centres[1][None], centres[2][None]])
    found = words.tested(unit(states.astype(np.float64)), gold)
    assert found.dropped() == [(0, 1)]
    assert found.anchors[0] == pytest.approx(unit(centres[0]))


def test_words_without_meaning_are_noticed_and_good_ones_are_not_blamed() -> None:
    random = np.random.default_rng(0)
    noticed = {"good": 0, "swapped": 0, "random": 0}
    for seed in range(60):
        states, gold = rows(16, seed, noise=1.0)
        unrelated = LabelBank.of([random.normal(size=(2, WIDTH)) for _ in range(LABELS)])
        for name, words in {"good": bank(0.2), "swapped": bank(turn=1.0), "random": unrelated}.items():
            noticed[name] += not words.means_something(unit(states.astype(np.float64)), gold)
    assert noticed["good"] <= 1
    assert noticed["swapped"] >= 59
    assert noticed["random"] >= 40


def test_one_row_of_each_label_refutes_no_words() -> None:
    states = unit(np.eye(LABELS, WIDTH) + 0.1)
    assert bank(turn=0.6).means_something(states, np.arange(LABELS))


def test_a_label_without_believed_words_has_no_direction() -> None:
    words = LabelBank(bank().words, (np.array([False]), np.array([True]), np.array([True])))
    assert not words.anchors[0].any()
    assert not words.centred[0].any()
    assert words.centred[1] == pytest.approx(-words.centred[2])


def test_a_bank_averages_the_templates_of_a_word() -> None:
    vectors = {"a": [3.0, 0.0], "b": [0.0, 2.0], "c": [0.0, -1.0]}
    found = bank_of([[["a", "b"]], [["c", "c"], ["a", "a"]]], lambda texts: np.array([vectors[text] for text in texts]))
    assert found.words[0] == pytest.approx(np.array([[0.5**0.5, 0.5**0.5]]))
    assert found.words[1] == pytest.approx(np.array([[0.0, -1.0], [1.0, 0.0]]))


def test_contrast_is_its_formula_and_holds_no_pairs() -> None:
    torch.manual_seed(0)
    states, anchors, bias = torch.randn(6, 4, requires_grad=True), torch.randn(3, 4), torch.randn(3)
    targets = torch.tensor([0, 0, 1, 2, 2, 2])
    units = torch.nn.functional.normalize(states, dim=-1)
    logits = units @ anchors.T + bias
    found = anchored_contrast(states, logits, targets, anchors)
    expected, scale = [], anchors.norm(dim=-1).mean()
    for row in range(6):
        others = [other for other in range(6) if other != row]
        scores = torch.cat([logits[row], torch.stack([scale * units[row] @ units[other] for other in others])]).log_softmax(0)
        wanted = [int(targets[row])] + [3 + place for place, other in enumerate(others) if targets[other] == targets[row]]
        expected.append(-scores[wanted].mean())
    assert found.item() == pytest.approx(torch.stack(expected).mean().item(), abs=1e-5)
    found.backward()
    assert states.grad is not None
    assert states.grad.isfinite().all()


def test_drift_is_nothing_where_nothing_moved() -> None:
    states = torch.randn(5, 8)
    assert float(drift(states, 3 * states)) == pytest.approx(0.0, abs=1e-6)
    assert float(drift(states, -states)) == pytest.approx(2.0, abs=1e-6)
