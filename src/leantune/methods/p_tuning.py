"""P-tuning: word vectors before the text that a small network produces while training.

    p = encoder(t_1 ... t_tokens)        body([p; e(x_1) ... e(x_T)])        encoder an MLP or an LSTM, dropped afterwards

Trains      the encoder, millions of numbers; only tokens * embedding width are stored.    At start   not the base.
Afterwards  cannot be merged: texts grow by `tokens`.            Reference  Liu et al. 2021, arXiv:2103.10385.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from leantune.kinds.method import Card, Method, Rates
from leantune.models.surgery import wrap
from leantune.models.virtual_tokens import SLOW, embedded_tokens, match_spread

if TYPE_CHECKING:
    from leantune.models.adaptation import Adaptation, Target
    from leantune.models.anatomy import Anatomy


class PTuning(Method):
    """Word vectors that a small network produces."""

    tokens: int = Field(default=16, ge=1)
    """Virtual tokens; they take as many positions of the context."""
    encoder: Literal["mlp", "lstm"] = "mlp"
    """The network that produces them: three linear maps, or a two-way LSTM before two linear maps."""
    encoder_width: int | None = Field(default=None, ge=1)
    """Width of the network; that of the embeddings when not given."""

    card: ClassVar[Card] = Card(
        title="P-tuning",
        paper="Liu et al. 2021, arXiv:2103.10385",
        when="as prompt tuning, where that learns too slowly: the network makes the virtual tokens move together",
        rates=Rates(low=3e-4, start=1e-3, high=1e-2),
        identity=False,
        mergeable=False,
        longer=SLOW,
        prepends=True,
    )

    def virtual_tokens(self) -> int:
        """The prompt takes positions."""
        return self.tokens

    def cost(self, anatomy: Anatomy) -> int:
        """The network and what it is fed, as trained."""
        width = anatomy.embedding_width
        inner = self.encoder_width or width
        if self.encoder == "mlp":
            return self.tokens * width + (width * inner + inner) + (inner * inner + inner) + (inner * width + width)
        first, second = (2 * 4 * inner * (inputs + inner + 2) for inputs in (width, 2 * inner))
        return self.tokens * width + first + second + (2 * inner * 2 * inner + 2 * inner) + (2 * inner * width + width)

    def attach(self, target: Target, *, seed: int) -> Adaptation:
        """Delegates to `peft`; the first virtual tokens spread like those of the vocabulary."""
        options = {
            **embedded_tokens(target.anatomy, self.tokens),
            "encoder_reparameterization_type": self.encoder.upper(),
            "encoder_hidden_size": self.encoder_width or target.anatomy.embedding_width,
            "encoder_dropout": 0.0,
        }
        adapted = wrap(target, "p_tuning", options, seed=seed)
        table = target.body.get_submodule(target.anatomy.embeddings).weight
        match_spread(adapted.body.prompt_encoder["default"], table)  # type: ignore[index, union-attr, arg-type]
        return adapted


MEMBER = PTuning
