"""Prompt tuning: trained word vectors before the text.

    body([p_1 ... p_tokens; e(x_1) ... e(x_T)])        p (tokens, embedding width) trained; only the text's tokens are pooled

Trains      tokens * embedding width numbers.                     At start   not the base: the names of the labels, then
                                                                             random tokens of the vocabulary.
Afterwards  cannot be merged: texts grow by `tokens`.             Reference  Lester et al. 2021, arXiv:2104.08691.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from leantune.kinds.method import Card, Method, Rates
from leantune.models.surgery import wrap
from leantune.models.virtual_tokens import SLOW, embedded_tokens, starting_tokens, starting_vectors

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class Prompt(Method):
    """Trained word vectors before the text."""

    tokens: int = Field(default=16, ge=1)
    """Virtual tokens; they take as many positions of the context."""
    init: Literal["labels", "vocabulary", "random"] = "labels"
    """Where they start: words of the `labels` before random tokens of the vocabulary, these alone (`vocabulary`), or `random` numbers."""
    text: str = ""
    """Words to start from in place of those of the labels, such as "Is this review good or bad"."""

    card: ClassVar[Card] = Card(
        title="Prompt tuning",
        paper="Lester et al. 2021, arXiv:2104.08691",
        when="the smallest delta of all, for large bases; far below full fine-tuning under a billion parameters",
        rates=Rates(low=3e-3, start=1e-2, high=5e-2),
        identity=False,
        mergeable=False,
        longer=SLOW,
        prepends=True,
    )

    def virtual_tokens(self) -> int:
        """The prompt takes positions."""
        return self.tokens

    def cost(self, anatomy: Anatomy) -> int:
        """One word vector per virtual token."""
        return self.tokens * anatomy.embedding_width

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`, then sets the start."""
        adapted = wrap(target, "prompt_tuning", embedded_tokens(target.anatomy, self.tokens), seed=seed)
        if self.init != "random" or self.text:
            ids = starting_tokens(target if self.init == "labels" else replace(target, words=()), self.tokens, self.text)
            weight = adapted.body.prompt_encoder["default"].embedding.weight  # type: ignore[index, union-attr]
            weight.data.copy_(starting_vectors(target, ids))
        return adapted


MEMBER = Prompt
