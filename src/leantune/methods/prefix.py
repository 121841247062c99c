"""Prefix tuning: trained keys and values before the text, in every layer (without projection: P-tuning v2).

    attention(Q, [P_k; K], [P_v; V])        P_k, P_v (tokens, width) per layer; text tokens attend to them, they are no output

Trains      2 * tokens * width numbers per layer (more with projection).    At start   not the base: keys and values of the
                                                                                       names of the labels and of
                                                                                       random tokens of the vocabulary.
Afterwards  cannot be merged: attention grows by `tokens`.                  Reference  Li and Liang 2021, arXiv:2101.00190;
                                                                                       Liu et al. 2021, arXiv:2110.07602.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from leantune.kinds.method import Card, Method, Rates
from leantune.models.surgery import wrap
from leantune.models.virtual_tokens import SLOW, starting_keys_values, starting_tokens

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy

SMALL = 0.02
"""Standard deviation of `init=small`."""


class Prefix(Method):
    """Trained keys and values in every layer."""

    tokens: int = Field(default=16, ge=1)
    """Virtual tokens per layer; they take as many positions of the context."""
    projection: bool = False
    """Train the prefix through a two-layer network that is dropped afterwards (prefix tuning) instead of directly (P-tuning v2)."""
    init: Literal["labels", "vocabulary", "small"] = "labels"
    """Where a direct prefix starts: keys and values of words of the `labels` before random tokens of the vocabulary, of these alone
    (`vocabulary`), or `small` random numbers."""
    text: str = ""
    """Words to start from in place of those of the labels."""

    card: ClassVar[Card] = Card(
        title="Prefix tuning (P-tuning v2)",
        paper="Li and Liang 2021, arXiv:2101.00190; Liu et al. 2021, arXiv:2110.07602",
        when="the weights may not be touched at all, not even beside; several tasks in one batch",
        rates=Rates(low=3e-3, start=1e-2, high=5e-2),
        identity=False,
        mergeable=False,
        longer=SLOW,
        prepends=True,
    )

    def unsupported(self, anatomy: Anatomy) -> str | None:
        """Bodies to which no past keys and values can be given; a text that would not be used."""
        if self.projection and self.text:
            return "a prefix with a projection starts at random numbers; leave text out"
        return None if anatomy.takes_cache else f"{anatomy.architecture} takes no past keys and values, which a prefix is"

    def rates(self, anatomy: Anatomy) -> Rates:
        """The projection is a network and takes a network's rates."""
        del anatomy
        return Rates(low=1e-4, start=5e-4, high=2e-3) if self.projection else self.card.rates

    def virtual_tokens(self) -> int:
        """The prefix takes positions."""
        return self.tokens

    def cost(self, anatomy: Anatomy) -> int:
        """Keys and values of all layers; with projection the network that makes them."""
        width, outputs = anatomy.key_value_width, 2 * anatomy.layers_run * anatomy.key_value_width
        if not self.projection:
            return self.tokens * outputs
        hidden = anatomy.hidden
        return self.tokens * width + (width * hidden + hidden) + (hidden * outputs + outputs)

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`, then sets the start."""
        options = {
            "num_virtual_tokens": self.tokens,
            "prefix_projection": self.projection,
            "encoder_hidden_size": target.anatomy.hidden,
        }
        adapted = wrap(target, "prefix_tuning", options, seed=seed)
        if not self.projection:
            weight = adapted.body.prompt_encoder["default"].embedding.weight  # type: ignore[index, union-attr]
            if self.init == "small" and not self.text:
                weight.data.mul_(SMALL)
            else:
                ids = starting_tokens(target if self.init == "labels" else replace(target, words=()), self.tokens, self.text)
                weight.data.copy_(starting_keys_values(target, ids))
        return adapted


MEMBER = Prefix
