"""Next sentence: does the second text follow the first one? Pairs are made of plain text; the other half of BERT's pretraining.

    leantune train corpus.txt --task next_sentence --model bert-base-uncased --method full

Loss: cross-entropy. Score: accuracy; both answers are about equally frequent. Together with `masked_lm`, one after the other, it stands for
what BERT learned at the same time (Devlin et al. 2019, arXiv:1810.04805).
"""

from __future__ import annotations

from typing import ClassVar

from leantune.scores.labels import METRICS
from leantune.tasks._one_label import OneLabel


class NextSentence(OneLabel):
    """Whether a text follows another."""

    name: ClassVar[str] = "next_sentence"
    summary: ClassVar[str] = "whether a text follows another; pairs are made of plain text"
    inputs: ClassVar[str] = "text; plain text files too. Or text, text_pair, label (next, other)"
    gold: ClassVar[str] = "neighbours"
    inferred: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)


MEMBER = NextSentence()
