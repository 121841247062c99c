"""Scores of texts are those of sacrebleu and rouge_score, document by document and resampled."""

from __future__ import annotations

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from leantune.core.errors import SpecError
from leantune.core.scripts import script_of
from leantune.scores.texts import METRICS, tally

WORDS = [
    "the",
    "a",
    "cat",
    "dog's",
    "runs,",
    "running",
    "quickly",
    "over",
    "red-brown",
    "houses",
    ".",
    "in",
    "1990",
    "U.S.",
    "Über",
    "Straße",
    "!",
]
HAN = list("我们在北京大学学习中文，他是老师。2008ab")


def planted(letters: list[str] = WORDS, between: str = " ", documents: int = 60) -> tuple[list[list[str]], list[str]]:
    """One to three references for each document; outputs are a changed reference, noise, one word, or nothing."""
    random = np.random.default_rng(0)

    def text(most: int = 14) -> str:
        return between.join(random.choice(letters, random.integers(1, most)).tolist())

    references = [[text() for _ in range(random.integers(1, 4))] for _ in range(documents)]
    outputs = [str(random.choice([text(), text(2), "", rights[-1], rights[0] + between + text(4)])) for rights in references]
    return references, outputs


def streams(references: list[list[str]]) -> list[list[str | None]]:
    """References as sacrebleu wants them."""
    most = max(map(len, references))
    return [[rights[place] if place < len(rights) else None for rights in references] for place in range(most)]


@pytest.mark.parametrize(
    ("letters", "between", "tokenizer"), [(WORDS, " ", "13a"), (HAN, "", "zh"), (list("ありがとう東京タワー"), "", "char")]
)
def test_bleu_and_chrf_are_those_of_sacrebleu(letters: list[str], between: str, tokenizer: str) -> None:
    references, outputs = planted(letters, between)
    bleu = BLEU(tokenize=tokenizer, force=True).corpus_score(outputs, streams(references)).score / 100
    chrf = CHRF().corpus_score(outputs, streams(references)).score / 100
    assert 0.1 < bleu < 0.9
    assert 0.1 < chrf < 0.9
    assert tally("bleu", references, outputs).score() == pytest.approx(bleu, abs=1e-12)
    assert tally("chrf", references, outputs).score() == pytest.approx(chrf, abs=1e-12)


@pytest.mark.parametrize("outputs", [["", ""], ["cat", "dog"], ["a cat runs home", "the dog of my aunt sleeps"], ["x y z u v", "a dog"]])
def test_short_and_empty_outputs_score_as_in_sacrebleu(outputs: list[str]) -> None:
    references = [["a cat runs quickly home"], ["the dog sleeps", "a dog is sleeping"]]
    for metric, scorer in (("bleu", BLEU()), ("chrf", CHRF())):
        expected = scorer.corpus_score(outputs, streams(references)).score / 100
        assert tally(metric, references, outputs).score() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", ["rouge1", "rouge2", "rougeL"])
def test_rouge_is_the_mean_of_the_best_references(metric: str) -> None:
    references, outputs = planted()
    scorer = RougeScorer([metric], use_stemmer=True)
    pairs = zip(references, outputs, strict=True)
    expected = [max(scorer.score(right, said)[metric].fmeasure for right in rights) for rights, said in pairs]
    assert 0.1 < np.mean(expected) < 0.9
    assert tally(metric, references, outputs).score() == pytest.approx(np.mean(expected))


def test_rouge_counts_other_scripts_too() -> None:
    assert tally("rouge1", [["北京大学"]], ["北京"]).score() == pytest.approx(2 / 3)
    assert tally("rouge2", [["北京大学"]], ["大学北京"]).score() == pytest.approx(2 / 3)
    assert tally("rougeL", [["北京大学"]], ["大学北京"]).score() == pytest.approx(1 / 2)
    assert tally("rouge1", [["красная машина едет"]], ["Машина, красная"]).score() == pytest.approx(4 / 5)


def test_exact_match_forgives_white_space_only() -> None:
    references = [["a  b\n", "c"], ["a b"], ["a b"], [""]]
    assert tally("exact", references, ["a b", "A b", "a b.", ""]).score() == 0.5
    assert tally("exact", references, ["c", "a b", "a\tb ", "  "]).score() == 1


@pytest.mark.parametrize("metric", METRICS)
def test_weights_are_repeated_documents(metric: str) -> None:
    references, outputs = planted(documents=30)
    weights = np.random.default_rng(1).integers(0, 4, len(outputs))
    rows = np.repeat(np.arange(len(outputs)), weights)
    expected = tally(metric, [references[row] for row in rows], [outputs[row] for row in rows]).score()
    whole = tally(metric, references, outputs)
    assert whole.score(weights) == pytest.approx(expected, abs=1e-12)
    both = whole.combine(whole.table.T @ np.column_stack([np.bincount(whole.codes), np.bincount(whole.codes, weights)]))
    assert both == pytest.approx([whole.score(), expected], abs=1e-12)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Ein Würfel", "latin"),
        ("我用 Python 写的程序很好用", "han"),
        ("東京へ行きます", "unspaced"),
        ("고양이", "unspaced"),
        ("แมว", "unspaced"),
        ("Η γάτα", "other"),
        ("", "latin"),
    ],
)
def test_scripts(text: str, script: str) -> None:
    assert script_of([text]) == script


def test_one_output_for_each_document() -> None:
    with pytest.raises(ValueError, match="2 documents against 1 outputs"):
        tally("bleu", [["a"], ["b"]], ["a"])


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(SpecError, match=r'No metric "rouge"\. Closest: "rouge'):
        tally("rouge", [["a"]], ["a"])
