"""Usual methods: what takes part in a comparison when no method is named.

usual_methods(options, "words")                          one of each kind of tuning, and prompts where templates or words are given
few_shot_methods(options, "words", unlabelled=True)      head tuning, prompts, soft prompts, in-context learning, a consensus
"""

from __future__ import annotations

from typing import Literal

from leantune.app.options import REFERENCE, Options
from leantune.core.wording import LABEL

ONE_OF_EACH = (REFERENCE, "head", "last_layers(2)", "bitfit", "lora", "ia3", "pfeiffer", "prefix")
"""With many labelled rows; the reference first."""
HEADS = (REFERENCE, "head", "bitfit", "lora")
"""With few rows: a head on the texts as they are ..."""
ANCHORED = (
    "anchors(words=given) | frozen",
    "anchors | prototypes",
    "anchors | logistic",
    "anchors | averaged",
    "anchors | lora",
    "anchors(loss=contrast) | lora",
)
"""... label words among the texts, and contrastive tuning ..."""
PROMPTED = ("cloze | frozen", "cloze | full", "cloze | lora")
"""... prompt-based tuning, and zero-shot ..."""
SHOWN = "cloze(demonstrations=1) | frozen"
"""... in-context learning, one row of each label as in Gao et al. 2021 (arXiv:2012.15723) ..."""
SOFT = "cloze | prompt"
"""... a soft prompt; a template with soft tokens is one itself, and shows no rows, since these tokens mean nothing before training."""
STUDENTS: dict[bool, tuple[str, ...]] = {True: ("consensus | head",), False: ("consensus | full",)}
"""With unlabelled rows: an ordinary classifier that a consensus teaches, on a sentence encoder and on a language model."""

Asked = Literal["sentences", "words"]
"""What a base knows of words: a sentence encoder puts them among the texts, a language model says them."""


def usual_methods(options: Options, asked: Asked | None) -> tuple[str, ...]:
    """One of each kind; where templates or words are given, what uses them too.

    Args:
        options: of the study.
        asked: what the base knows of words; None where a row has no single label.
    """
    if not (options.prompt or options.labels) or asked is None:
        return ONE_OF_EACH
    given = any(LABEL not in template for template in options.prompt)
    if asked == "words" or given:
        return ONE_OF_EACH + (PROMPTED[1:] if given else tuple(_chosen(one) for one in PROMPTED[1:]))
    return (*ONE_OF_EACH, "anchors | averaged", "anchors | lora")


def few_shot_methods(options: Options, asked: Asked | None, *, unlabelled: bool) -> tuple[str, ...]:
    """Head tuning beside everything that uses what the labels are called.

    Args:
        options: of the study.
        asked: what the base knows of words; None where a row has no single label.
        unlabelled: whether there are rows for a consensus.
    """
    given = any(LABEL not in template for template in options.prompt)
    found = HEADS + (ANCHORED if asked == "sentences" else ())
    if given or asked == "words":
        found += _prompted(options, given=given)
    return found + (STUDENTS[asked == "sentences"] if asked and unlabelled else ())


def _prompted(options: Options, *, given: bool) -> tuple[str, ...]:
    """Behind the template given, else behind the best of the usual ones; all of these where there are no rows to tell by."""
    softened = any("{soft:" in template for template in options.prompt)
    found = PROMPTED + (() if softened else (SOFT, SHOWN))
    if given:
        return found
    if options.few_shot == 0:
        return ("cloze(template=all) | frozen",)
    return tuple(map(_chosen, found))


def _chosen(expression: str) -> str:
    """The same with the best of the usual templates."""
    if "(" in expression:
        return expression.replace("(", "(template=best, ")
    return expression.replace("cloze", "cloze(template=best)")
