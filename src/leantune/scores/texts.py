"""Scores of texts beside their references: BLEU and chrF of sacrebleu, ROUGE of rouge_score, exact match. The unit is the document.

BLEU and chrF are scores of the whole set, from the summed counts of its documents (Papineni et al. 2002; Post 2018, arXiv:1804.08771;
Popović 2015); ROUGE is the mean over documents of F1 with the best reference, with stems (Lin 2004). How words are told apart follows
the script of the references: sacrebleu's "13a", "zh" for Chinese, "char" for other scripts without spaces. rouge_score knows letters from
a to z only, so other scripts than Latin are counted by whole words there, Chinese and its like by characters, both without stems.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import zip_longest
from typing import Any

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from leantune.core.errors import unknown_name
from leantune.core.scripts import Script, script_of, words
from leantune.scores.tally import Array, Tally, mean_of_counts, ratio

References = Sequence[Sequence[str]]
"""The right texts of each document, one or more."""

METRICS = ("bleu", "chrf", "rouge1", "rouge2", "rougeL", "exact")
"""Metrics by name; all are fractions (sacrebleu gives per cent)."""
TOKENIZERS: dict[Script, str] = {"latin": "13a", "other": "13a", "han": "zh", "unspaced": "char"}
"""How sacrebleu tells the words of a script apart."""
_ORDER = BLEU(tokenize="none").max_ngram_order
_CHRF = CHRF()


def tally(metric: str, references: References, outputs: Sequence[str]) -> Tally:
    """The tally of a metric, one line per document.

    Args:
        metric: a name of `METRICS`.
        references: the right texts of each document, one or more.
        outputs: one text for each document, "" for none.

    Raises:
        SpecError: E-NAME for an unknown metric, with the nearest valid name.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if len(references) != len(outputs):
        raise ValueError(f"{len(references)} documents against {len(outputs)} outputs")
    if metric == "bleu":
        scorer = BLEU(tokenize=TOKENIZERS[_script(references)], force=True)
        return Tally.of(_statistics(scorer, references, outputs), _bleu)
    if metric == "chrf":
        return Tally.of(_statistics(_CHRF, references, outputs), _chrf)
    found = exact(references, outputs) if metric == "exact" else _rouge(metric, references, outputs)
    return Tally.of(np.column_stack([found, np.ones(len(found))]), mean_of_counts)


def exact(references: References, outputs: Sequence[str]) -> list[float]:
    """1 for each document that is one of its references apart from white space, else 0."""
    pairs = zip(references, outputs, strict=True)
    return [float(" ".join(said.split()) in {" ".join(right.split()) for right in rights}) for rights, said in pairs]


def _script(references: References) -> Script:
    return script_of(text for rights in references for text in rights)


def _statistics(scorer: Any, references: References, outputs: Sequence[str]) -> Array:
    """Sacrebleu's counts of each document; it wants references as columns, with None where a document has fewer."""
    counts = scorer._extract_corpus_statistics(list(outputs), [list(column) for column in zip_longest(*references)])
    return np.array(counts, dtype=np.float64)


def _bleu(totals: Array) -> Array:
    """From lengths of output and reference, and right and all n-grams of each order; zero counts are smoothed as mteval-v13a does."""
    said, right = totals[:2]
    hits, grams = totals[2 : 2 + _ORDER], totals[2 + _ORDER :]
    misses = np.cumsum(hits == 0, axis=0)
    precision = ratio(np.where(hits == 0, 0.5**misses, hits), grams)
    brevity = np.exp(np.minimum(0, 1 - ratio(right, said)))
    scored = (precision > 0).all(axis=0) & (hits.sum(axis=0) > 0)
    mean: Array = np.exp(np.log(np.where(precision > 0, precision, 1)).mean(axis=0))
    return np.where(scored, brevity * mean, 0.0)


def _chrf(totals: Array) -> Array:
    """From the n-grams of output and reference and those in both, of each order: F of the mean precision and the mean recall."""
    said, right, hits = (totals[place::3] for place in range(3))
    used = (said > 0) & (right > 0)
    orders = used.sum(axis=0)
    precision, recall = (ratio((used * ratio(hits, below)).sum(axis=0), orders) for below in (said, right))
    weight = _CHRF.beta**2
    return ratio((1 + weight) * precision * recall, weight * precision + recall)


def _rouge(metric: str, references: References, outputs: Sequence[str]) -> list[float]:
    scorer = _rouge_scorer(metric, _script(references) == "latin")
    return [scorer.score_multi(rights, said)[metric].fmeasure for rights, said in zip(references, outputs, strict=True)]


@cache
def _rouge_scorer(metric: str, latin: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # here, for it takes seconds to load

    return RougeScorer([metric], use_stemmer=True, tokenizer=None if latin else _Words())


class _Words:
    """How rouge_score wants a way of telling words apart."""

    @staticmethod
    def tokenize(text: str) -> list[str]:
        return words(text)
