"""Relation extraction: how two marked things in a sentence are related, in which direction, or not at all.

    {"text": "The <e1>fire</e1> was caused by <e2>lightning</e2>.", "label": "Cause-Effect(e2,e1)"}
    {"token": ["The", "fire", "was", "caused", "by", "lightning", "."], "h": {"pos": [1, 2]}, "t": {"pos": [5, 6]}, "relation": ...}

Where two places stand beside the text (objects h and t, head_span and tail_span, subj_start to obj_end ...), the marks are put in.
The marks stay in the text, so the model sees where the things stand (Baldini Soares et al. 2019, arXiv:1906.03158, read them so). Loss and
prediction as in classification. Score: macro F1 over relation types without the null class (Other, no_relation ...), with directions, as
the scorer of SemEval-2010 task 8 counts it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from leantune.core.excerpt import Kind, excerpt
from leantune.core.shown import Piece
from leantune.kinds.task import Answers
from leantune.scores.relations import METRICS, tally
from leantune.scores.tally import Tally
from leantune.tasks._one_label import OneLabel

_MARK = re.compile(r"(?s)<(?P<name>e[12])>(?P<thing>.*?)</(?P=name)>")


class Relation(OneLabel):
    """A directed label for two marked things."""

    name: ClassVar[str] = "relation"
    summary: ClassVar[str] = "how two marked things in a sentence are related, with the direction"
    inputs: ClassVar[str] = "text with <e1>...</e1> and <e2>...</e2>, or places of two things in it, label"
    pattern: ClassVar[str | None] = r"(?s)<e1>.*</e1>.*<e2>.*</e2>|<e2>.*</e2>.*<e1>.*</e1>"
    metrics: ClassVar[tuple[str, ...]] = tuple(METRICS)

    def tally(self, metric: str, gold: Answers, predicted: Answers, labels: Sequence[str]) -> Tally:
        """Counts per relation type."""
        return tally(metric, gold, predicted, labels)

    def pieces(self, text: str, gold: Any, predicted: Any) -> list[Piece]:
        """The two things coloured, without their marks, with some text around them."""
        del gold, predicted
        plain, at, spans = "", 0, dict[Kind, tuple[int, int]]()
        for mark in _MARK.finditer(text):
            plain += text[at : mark.start()]
            spans["first" if mark["name"] == "e1" else "second"] = len(plain), len(plain + mark["thing"])
            plain, at = plain + mark["thing"], mark.end()
        return excerpt(plain + text[at:], spans)


MEMBER = Relation()
