"""The prompt of an artifact, as it was in the training."""

from __future__ import annotations

from leantune.artifact.manifest import Manifest
from leantune.core import catalogue
from leantune.core.long import FIELDS, Long
from leantune.data.pieces._pieces import Informed
from leantune.kinds.method import parse_method
from leantune.kinds.prompt import Setting, Worded, columns_of
from leantune.models.base import Base


def worded_of(manifest: Manifest, base: Base, informed: Informed | None = None) -> Worded | None:
    """The prompt on its base; None where the artifact has none.

    Args:
        manifest: of the artifact.
        base: that it stands on.
        informed: how surprising each token of a text is, where words are left out by that.
    """
    facts = manifest.facts
    prompt = parse_method(facts.method).prompt
    if prompt is None or facts.wording is None:
        return None
    task = catalogue.load("tasks", facts.task)
    columns, long = columns_of(facts.text, facts.text_pair), Long.parse(facts.long, FIELDS)
    return Worded(prompt, Setting(facts.wording, base, task, facts.labels, columns, long, informed=informed))
