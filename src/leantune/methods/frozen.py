"""Frozen: nothing of the base is trained; behind a prompt this is zero-shot, the base's own words alone.

    logits = verbalizer(body(prompt(x)))        body as it is; behind anchors the nearest words of a label

Trains      nothing (a soft verbalizer, where the prompt has one).   At start   the base.
Afterwards  nothing to store but the prompt.                         Reference  Schick and Schuetze 2021, arXiv:2001.07676.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from leantune.kinds.method import Card, Rates
from leantune.methods._untouched import Untouched

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class Frozen(Untouched):
    """Train nothing of the base."""

    card: ClassVar[Card] = Card(
        title="Frozen base (zero-shot)",
        paper="Schick and Schuetze 2021, arXiv:2001.07676",
        when="behind a prompt, with no labelled row or very few: what the base knows already, as the floor of prompting",
        rates=Rates(low=1e-3, start=1e-3, high=1e-3),
        untrained=True,
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Bodies whose head is new."""
        if anatomy.answers:
            return None
        return (
            "without a trained head there is nothing to answer with: put a prompt before it (cloze | frozen, anchors | frozen), or use head"
        )

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Nothing is inserted, and anchors stay where they are."""
        return replace(super().attach(target, seed=seed), trains_head=False)


MEMBER = Frozen
