"""Scores of answers are those of the SQuAD scripts, version 1.1 and 2, rewritten here from their rules."""

from __future__ import annotations

import re
import string
from collections import Counter

import numpy as np
import pytest

from leantune.core.errors import SpecError
from leantune.scores.answers import METRICS, exact, normalised, overlap, tally

WORDS = [
    "the",
    "The",
    "a",
    "an",
    "cat",
    "Cat!",
    "U.S.",
    "1990—2000",
    "“cat”",
    "it's",
    "it’s",
    "its",
    "Ann",
    "army",
    "--",
    "—",
    "12%",
    "·",
    "in",
]


def official_words(text: str) -> list[str]:
    """Lower case, without ASCII punctuation, without articles, split at spaces: in this order."""
    plain = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def official_f1(right: str, guess: str) -> float:
    true, said = official_words(right), official_words(guess)
    if not true or not said:
        return float(true == said)
    same = sum((Counter(true) & Counter(said)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(said), same / len(true)
    return 2 * precision * recall / (precision + recall)


def official_exact(right: str, guess: str) -> float:
    return float(official_words(right) == official_words(guess))


OFFICIAL = {"f1": official_f1, "exact_match": official_exact}


def planted(questions: int = 300) -> tuple[list[list[str]], list[str]]:
    """Random phrases; a third of the questions have no answer."""
    random = np.random.default_rng(0)

    def phrase() -> str:
        return " ".join(random.choice(WORDS, random.integers(1, 4)).tolist())

    gold = [[phrase() for _ in range(random.integers(1, 4))] if random.random() < 0.67 else [] for _ in range(questions)]
    guesses = [str(random.choice([phrase(), "", *references])) for references in gold]
    return gold, guesses


def test_every_question_scores_as_in_the_official_scripts() -> None:
    gold, guesses = planted()
    for metric in METRICS:
        expected = [max(OFFICIAL[metric](right, guess) for right in rights or [""]) for rights, guess in zip(gold, guesses, strict=True)]
        found = [tally(metric, [rights], [guess]).score() for rights, guess in zip(gold, guesses, strict=True)]
        assert found == pytest.approx(expected, abs=1e-12)
        assert 0.2 < np.mean(expected) < 0.8
        assert tally(metric, gold, guesses).score() == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_weights_are_repeated_questions(metric: str) -> None:
    gold, guesses = planted(60)
    weights = np.random.default_rng(1).integers(0, 4, len(gold))
    repeated = np.repeat(np.arange(len(gold)), weights)
    expected = tally(metric, [gold[row] for row in repeated], [guesses[row] for row in repeated]).score()
    assert tally(metric, gold, guesses).score(weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("references", "guess", "f1", "exact_match"),
    [
        (["The Cat"], "cat.", 1.0, 1.0),
        (["black cat", "a big black cat"], "big black dog", 2 / 3, 0.0),
        (["cat cat dog"], "cat", 0.5, 0.0),
        ([], "", 1.0, 1.0),
        ([], "cat", 0.0, 0.0),
        (["cat"], "", 0.0, 0.0),
        ([], "the", 1.0, 1.0),
        (["1920s"], "1920", 0.0, 0.0),
        (["“cat”"], "cat", 0.0, 0.0),
    ],
)
def test_by_hand(references: list[str], guess: str, f1: float, exact_match: float) -> None:
    assert tally("f1", [references], [guess]).score() == pytest.approx(f1)
    assert tally("exact_match", [references], [guess]).score() == exact_match


@pytest.mark.parametrize(
    ("right", "guess", "f1", "same"),
    [
        ("北京大学", "北京", 2 / 3, False),
        ("《红楼梦》", "红楼梦。", 1.0, True),
        ("1949年", "1949 年", 1.0, True),
        ("“北京”——上海", "北京上海", 1.0, True),
        ("《1984》", "1984", 1.0, True),
        ("東京タワー", "とうきょう", 0.0, False),
        ("北京", "京北", 1.0, False),
    ],
)
def test_chinese_and_japanese_letters_are_words(right: str, guess: str, f1: float, same: bool) -> None:
    assert overlap(right, guess) == pytest.approx(f1)
    assert exact(right, guess) == float(same)


def test_articles_inside_words_stay() -> None:
    assert normalised("The other Anna: a theme, an atom") == "other anna theme atom"


def test_as_many_answers_as_questions() -> None:
    with pytest.raises(ValueError, match="zip"):
        tally("f1", [["a"], ["b"]], ["a"])


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "exact"\. Closest: "exact_match"'):
        tally("exact", [["a"]], ["a"])
